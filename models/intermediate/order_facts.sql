with

items as (

    select
        item_id,
        cubic_feet,
        weight
    from {{ ref('items') }}

),

measured as (

    select
        lines.order_id,
        lines.quantity,
        lines.quantity * items.cubic_feet as volume_cuft,
        lines.quantity * items.weight as weight
    from {{ ref('order_lines') }} as lines
    left join items on lines.item_id = items.item_id

),

sums as (

    select
        order_id,
        count(*) as lines,
        -- Of an order with one line that has no measure, no measure is known.
        case when count(quantity) = count(*) then sum(quantity) end as units,
        case when count(volume_cuft) = count(*) then sum(volume_cuft) end as volume_cuft,
        case when count(weight) = count(*) then sum(weight) end as weight
    from measured
    group by order_id

)

select
    orders.order_id,
    upper(orders.status) in ('CANCELLED', 'CANCELED') and not orders.has_shipped as is_cancelled,
    orders.has_shipped,
    orders.is_removed as is_deleted,
    orders.warehouse_id,
    orders.order_type,
    coalesce(orders.province_code, orders.country_code, '') as zone,
    {{ account_date('orders.created_at') }} as created_date,
    {{ account_date('orders.shipped_at') }} as shipped_date,
    {{ account_date('orders.completed_at') }} as completed_date,
    orders.completed_at,
    sums.lines,
    cast(sums.units as decimal(18, 4)) as units,
    cast(sums.volume_cuft as decimal(18, 4)) as volume_cuft,
    cast(sums.weight as decimal(18, 4)) as weight
from {{ ref('stg_orders') }} as orders
left join sums on orders.order_id = sums.order_id and not orders.lacks_lines
