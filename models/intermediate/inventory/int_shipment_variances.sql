{#- A line with an unknown quantity may stand for any number of units. -#}
{%- set any_number = '1000000000' -%}
with

openings as (

    select
        item_id,
        min(moved_at) as opened_at
    from {{ ref('stock_movements') }}
    where movement_type = 'opening'
    group by item_id

),

lines as (

    select * from {{ ref('int_order_lines_resolved') }}

),

stock_read as (

    {{ last_reading('item_quantities') }}

),

-- Lower and upper bounds of the units shipped since the opening. One day of tolerance, because a status may lag behind
-- its goods and the two lists are not read at the same time. An order that was deleted may have shipped before that, or
-- not at all.
ordered_lines as (

    select
        lines.item_id,
        sum(case
            when
                orders.has_shipped and not orders.is_removed and orders.created_at >= openings.opened_at
                and orders.updated_at < {{ dbt.dateadd('day', -1, 'stock_read.read_at') }} then lines.quantity
            else 0
        end) as at_least,
        sum(case
            when
                (orders.has_shipped or coalesce(upper(orders.status), '') not in ('PENDING', 'CANCELLED', 'CANCELED'))
                and coalesce(orders.updated_at >= openings.opened_at, true)
                then coalesce(lines.quantity, {{ any_number }})
            else 0
        end) as at_most
    from lines
    inner join {{ ref('stg_orders') }} as orders on lines.order_id = orders.order_id
    inner join openings on lines.item_id = openings.item_id
    cross join stock_read
    group by lines.item_id

),

-- A line whose variant matches no item may refer to any item without a known variant.
nameless as (

    select coalesce(sum(coalesce(quantity, {{ any_number }})), 0) as units from lines
    where item_id is null

),

-- A line that could not be read may refer to any item.
unreadable as (

    select max(case when lacks_lines then {{ any_number }} else 0 end) as units from {{ ref('stg_orders') }}

),

-- Lower and upper bounds of the units that orders shipped since an item's first record.
ordered as (

    select
        openings.item_id,
        coalesce(ordered_lines.at_least, 0) as at_least,
        coalesce(ordered_lines.at_most, 0) + coalesce(unreadable.units, 0)
        + case when items.shopify_variant_id is null then nameless.units else 0 end as at_most
    from openings
    left join ordered_lines on openings.item_id = ordered_lines.item_id
    left join {{ ref('items') }} as items on openings.item_id = items.item_id
    cross join nameless
    cross join unreadable

),

orders_read as (

    {{ last_reading('orders') }}

),

-- One day of tolerance: the order of a recent shipment may not have been read yet.
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
from ordered
left join shipped on ordered.item_id = shipped.item_id
