with

lines as (

    select
        order_id,
        count(*) as lines,
        -- If the quantity of one line is unknown, the order's sum is null.
        case when count(quantity) = count(*) then cast(sum(quantity) as decimal(18, 4)) end as units
    from {{ ref('stg_order_lines') }}
    group by order_id

)

select
    orders.order_id,
    orders.external_name,
    orders.shopify_order_id,
    orders.order_type,
    orders.status,
    orders.warehouse_id,
    orders.city,
    orders.province_code,
    orders.country_code,
    coalesce(lines.lines, 0) as lines,
    cast(
        case when orders.lacks_lines then null when lines.order_id is null then 0 else lines.units end as decimal(18, 4)
    ) as units,
    orders.is_removed as is_deleted,
    orders.created_at,
    orders.updated_at
from {{ ref('stg_orders') }} as orders
left join lines on orders.order_id = lines.order_id
