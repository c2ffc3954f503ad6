{#- Read the additional days that stock_daily looks back. -#}
{%- set read_from = days_before(rebuilt_from('stock_from'), 28) -%}
with

records as (

    {{ stock_records(read_from) | indent(4) }}

),

days as (

    select * from {{ ref('int_stock_days') }}
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

-- The last record of each day; it is valid until the next day that has one.
day_ends as (

    select
        *,
        {{ days_of_row(
            'greatest(first_date, (select min(date) from days))',
            "coalesce(" ~ day_before(account_date('next_updated_at')) ~ ", (select max(date) from days))"
        ) }} as date
    from followed
    where next_updated_at is null or {{ account_date('next_updated_at') }} > first_date

)

select
    day_ends.*,
    -- If records are overwritten in place, one proves the end of a day only if it was read after that day and before
    -- its next change.
    days.quantities_read_at is not null and (
        day_ends.next_record_id is null
        or day_ends.next_record_id <> day_ends.record_id
        or day_ends.seen_at >= days.ends_at
        or days.quantities_read_at < day_ends.next_updated_at
    ) as is_end_known
from day_ends
inner join days on day_ends.date = days.date
