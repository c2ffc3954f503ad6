with

openings as (

    select
        item_id,
        min(moved_at) as opened_at
    from {{ ref('stock_movements') }}
    where movement_type = 'opening'
    group by item_id

),

read_until as (

    select
        max(case when resource = 'orders' then finished_at end) as orders_read_at,
        max(case when resource = 'item_quantities' then finished_at end) as stock_read_at
    from {{ ref('stg_extract_windows') }}
    where filtered_by <> 'id' and is_complete

),

-- A day's grace: a status may follow its goods, and one list is read before the other.
shipped as (

    select
        movements.item_id,
        sum(movements.quantity) as units,
        sum(case
            when movements.moved_at < {{ dbt.dateadd('day', -1, 'read_until.orders_read_at') }}
                then movements.quantity
            else 0
        end) as units_before,
        max(movements.movement_date) as last_date
    from {{ ref('stock_movements') }} as movements
    cross join read_until
    where movements.movement_type = 'shipped'
    group by movements.item_id

),

ordered as (

    select
        lines.item_id,
        -- Surely after the opening, and at the most.
        sum(case
            when
                orders.has_shipped and orders.created_at >= openings.opened_at
                and orders.updated_at < {{ dbt.dateadd('day', -1, 'read_until.stock_read_at') }} then lines.quantity
            else 0
        end)
            as units_at_least,
        sum(case
            when
                (orders.has_shipped or upper(orders.status) not in ('PENDING', 'CANCELLED', 'CANCELED'))
                and orders.updated_at >= openings.opened_at then lines.quantity
            else 0
        end) as units_at_most
    from {{ ref('resolved_order_lines') }} as lines
    inner join {{ ref('stg_orders') }} as orders on lines.order_id = orders.order_id
    inner join openings on lines.item_id = openings.item_id
    cross join read_until
    group by lines.item_id

)

select
    openings.item_id,
    shipped.last_date,
    coalesce(shipped.units, 0) as units,
    coalesce(ordered.units_at_least, 0) as units_at_least,
    coalesce(ordered.units_at_most, 0) as units_at_most,
    coalesce(shipped.units_before, 0) - coalesce(ordered.units_at_most, 0) as without_order,
    coalesce(ordered.units_at_least, 0) - coalesce(shipped.units, 0) as never_left
from openings
left join shipped on openings.item_id = shipped.item_id
left join ordered on openings.item_id = ordered.item_id
