with

lines as (

    select
        order_id,
        count(*) as lines,
        cast(sum(quantity) as decimal(18, 4)) as units
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
    coalesce(lines.units, 0) as units,
    orders.is_removed as is_deleted,
    orders.created_at,
    orders.updated_at
from {{ ref('stg_orders') }} as orders
left join lines on orders.order_id = lines.order_id
