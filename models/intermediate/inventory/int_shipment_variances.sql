with

orders_read as (

    {{ last_reading('orders') }}

),

-- A day's grace: the order of what left just now may not have been read yet.
shipped as (

    select
        movements.item_id,
        sum(movements.quantity) as units,
        sum(case
            when movements.moved_at < {{ dbt.dateadd('day', -1, 'orders_read.read_at') }} then movements.quantity
            else 0
        end) as units_before,
        max(movements.movement_date) as last_date
    from {{ ref('stock_movements') }} as movements
    cross join orders_read
    where movements.movement_type = 'shipped'
    group by movements.item_id

)

select
    ordered.item_id,
    shipped.last_date,
    coalesce(shipped.units, 0) as units,
    ordered.at_least as units_at_least,
    ordered.at_most as units_at_most,
    coalesce(shipped.units_before, 0) - ordered.at_most as without_order,
    ordered.at_least - coalesce(shipped.units, 0) as never_left
from {{ ref('int_ordered_units') }} as ordered
left join shipped on ordered.item_id = shipped.item_id
