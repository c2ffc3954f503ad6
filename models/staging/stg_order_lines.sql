with

lines as (

    select
        lines.*,
        row_number() over (
            partition by lines.order_id, lines.line_number order by lines._dlt_load_id desc
        ) as recency
    from {{ source('raw', 'orders__stored_items') }} as lines
    -- Lines belong to a version of their order; take those of the version in stg_orders.
    inner join {{ ref('stg_orders') }} as orders
        on lines.order_id = orders.order_id and lines._seen_at = orders.seen_at

)

select
    order_id,
    line_number,
    item_id,
    shopify_variant_id,
    {{ plausible('quantity', '1000000000') }} as quantity
from lines
where recency = 1
