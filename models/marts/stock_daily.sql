{#- Days of cover use the units shipped in the last 28 days. -#}
{%- set since = rebuilt_from('stock_from') -%}
{%- set read_from = days_before(since, 28) -%}
with

shipments as (

    select
        item_id,
        movement_date,
        sum(quantity) as shipped
    from {{ ref('stock_movements') }}
    where movement_type = 'shipped' and movement_date >= {{ read_from }}
    group by item_id, movement_date

),

item_days as (

    select
        day_ends.*,
        sum(shipments.shipped) over (
            partition by day_ends.item_id order by day_ends.date rows between 28 preceding and 1 preceding
        ) as recently_shipped
    from {{ ref('int_stock_end_of_day') }} as day_ends
    left join shipments
        on day_ends.item_id = shipments.item_id and day_ends.date = shipments.movement_date

)

select
    item_days.item_id,
    items.sku,
    item_days.date,
    item_days.supply,
    item_days.prepared,
    item_days.receiving,
    item_days.back_ordered,
    item_days.delivered,
    item_days.supply + item_days.prepared as physical,
    -- Negative counters are mistakes of the warehouse and cover no days.
    {{ rounded_quotient(
        'cast(greatest(item_days.supply + item_days.prepared, 0) as decimal(20, 0)) * 28',
        'cast(item_days.recently_shipped as decimal(20, 0))', 2
    ) }} as days_of_cover,
    item_days.record_id,
    item_days.updated_at as recorded_at,
    item_days.seen_at,
    item_days.is_end_known
from item_days
left join {{ ref('items') }} as items on item_days.item_id = items.item_id
where item_days.date >= {{ since }}
