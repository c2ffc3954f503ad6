with

measured as (

    select
        order_id,
        quantity,
        quantity * volume as volume_cuft,
        quantity * weight as weight,
        quantity * value as value,
        weight as item_weight,
        longest_side,
        case
            when hazardous = 'yes' then 'hazardous'
            when prepackaged = 'yes' then 'prepackaged'
            else 'ordinary'
        end as item_class
    from {{ ref('int_order_lines_measured') }}

),

sums as (

    select
        order_id,
        count(*) as lines,
        -- If one line has no value for a measure, the order's total is null.
        case when count(quantity) = count(*) then sum(quantity) end as units,
        case when count(volume_cuft) = count(*) then sum(volume_cuft) end as volume_cuft,
        case when count(weight) = count(*) then sum(weight) end as weight,
        case when count(value) = count(*) then sum(value) end as value,
        case when count(item_weight) = count(*) then max(item_weight) end as heaviest_item,
        case when count(longest_side) = count(*) then max(longest_side) end as longest_side,
        -- An order is hazardous if any of its items is, and prepackaged if all of them are.
        case
            when max(case when item_class = 'hazardous' then 1 else 0 end) = 1 then 'hazardous'
            when min(item_class) = max(item_class) then min(item_class)
            when count(item_class) > 0 then 'ordinary'
        end as item_class
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
    cast(sums.weight as decimal(18, 4)) as weight,
    cast(sums.value as decimal(18, 4)) as value,
    cast(sums.heaviest_item as decimal(18, 4)) as heaviest_item,
    cast(sums.longest_side as decimal(18, 4)) as longest_side,
    sums.item_class
from {{ ref('stg_orders') }} as orders
left join sums on orders.order_id = sums.order_id
