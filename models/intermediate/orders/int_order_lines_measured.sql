select
    lines.order_id,
    lines.line_number,
    lines.item_id,
    cast(lines.quantity as decimal(38, 4)) as quantity,
    cast(items.weight as decimal(38, 4)) as weight,
    cast(items.cubic_feet as decimal(38, 4)) as volume,
    cast(
        case
            when listed.width_in is not null and listed.depth_in is not null and listed.height_in is not null
                then greatest(listed.width_in, listed.depth_in, listed.height_in)
        end as decimal(38, 4)
    ) as longest_side,
    cast(items.price as decimal(38, 4)) as value,
    case
        when listed.item_id is null then null
        when lower(listed.description) like '%hazard%' or lower(listed.description) like '%dangerous%' then 'yes'
        else 'no'
    end as hazardous,
    case when listed.is_prepackaged then 'yes' when listed.item_id is not null then 'no' end as prepackaged
from {{ ref('order_lines') }} as lines
inner join {{ ref('stg_orders') }} as orders on lines.order_id = orders.order_id
left join {{ ref('items') }} as items on lines.item_id = items.item_id
left join {{ ref('stg_items') }} as listed on lines.item_id = listed.item_id
where not orders.lacks_lines
