{#- Days of cover look at what was shipped in the 28 days before. -#}
{%- set since = rebuilt_from('stock_from') -%}
{%- set read_from = days_before(since, 28) -%}
with

records as (

    {{ stock_records(read_from) | indent(4) }}

),

days as (

    select * from {{ ref('stock_days') }}
    where date >= {{ read_from }}

),

followed as (

    select
        *,
        {{ account_date('updated_at') }} as first_date,
        lead(record_id) over history as next_record_id,
        lead(updated_at) over history as next_updated_at
    from records
    window history as (partition by item_id order by updated_at, record_id)

),

-- The last record of a day, which holds until the day of the next one.
day_ends as (

    select
        *,
        {{ days_of_row(
            'greatest(first_date, (select min(date) from days))',
            "coalesce(" ~ day_before(account_date('next_updated_at')) ~ ", (select max(date) from days))"
        ) }} as date
    from followed
    where next_updated_at is null or {{ account_date('next_updated_at') }} > first_date

),

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
        -- Overwritten in place, a record tells of a day's end only if it was read after it, before its next change.
        days.quantities_read_at is not null and (
            day_ends.next_record_id is null
            or day_ends.next_record_id <> day_ends.record_id
            or day_ends.seen_at >= days.ends_at
            or days.quantities_read_at < day_ends.next_updated_at
        ) as is_end_known,
        sum(shipments.shipped) over (
            partition by day_ends.item_id order by day_ends.date rows between 28 preceding and 1 preceding
        ) as recently_shipped
    from day_ends
    inner join days on day_ends.date = days.date
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
    -- Counters below zero are the warehouse's mistake: they cover no day.
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
