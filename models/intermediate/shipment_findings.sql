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
        min(case when resource = 'orders' then read_at end) as orders_read_at,
        min(case when resource = 'item_quantities' then read_at end) as stock_read_at
    from (
        select
            resource,
            max(finished_at) as read_at
        from {{ ref('stg_extract_windows') }}
        where resource in ('orders', 'item_quantities') and filtered_by <> 'id' and is_complete
        group by resource
    ) as readings

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
    from {{ ref('stg_order_lines') }} as lines
    inner join {{ ref('stg_orders') }} as orders on lines.order_id = orders.order_id
    inner join openings on lines.item_id = openings.item_id
    cross join read_until
    group by lines.item_id

),

compared as (

    select
        openings.item_id,
        shipped.last_date,
        coalesce(shipped.units, 0) as units,
        coalesce(shipped.units_before, 0) - coalesce(ordered.units_at_most, 0) as without_order,
        coalesce(ordered.units_at_least, 0) - coalesce(shipped.units, 0) as never_left
    from openings
    left join shipped on openings.item_id = shipped.item_id
    left join ordered on openings.item_id = ordered.item_id

)

select
    {{ finding(
        'shipped_without_order', 'item_id',
        "cast(without_order as bigint) || ' units of item ' || item_id || ' were shipped that no order asked for.'",
        {'item_id': ['item_id'], 'units': ['cast(without_order as bigint)'], 'shipped': ['cast(units as bigint)']},
        {'item_id': 'item_id', 'end_date': 'last_date', 'occurrences': 'without_order'}
    ) }}
from compared
where without_order > 0
union all
select
    {{ finding(
        'never_left', 'item_id',
        "cast(never_left as bigint) || ' units of item ' || item_id || ' stand on orders as shipped and never left.'",
        {'item_id': ['item_id'], 'units': ['cast(never_left as bigint)'], 'shipped': ['cast(units as bigint)']},
        {'item_id': 'item_id', 'end_date': 'last_date', 'occurrences': 'never_left'}
    ) }}
from compared
where never_left > 0
