{#- A charge recurs if this many consecutive periods have amounts that differ by at most this factor. -#}
{%- set periods, most_times = 3, 2 -%}
{#- One-day charges recur if the gaps between them differ by at most this many days, as the lengths of months do. -#}
{%- set most_days = 3 -%}
{%- set half_month = "case when extract(day from {0}) <= 15 then cast(date_trunc('month', {0}) as date) else "
    ~ days_after("cast(date_trunc('month', {0}) as date)", '15') ~ ' end' -%}
with

charged as (

    select
        charge_type,
        start_date,
        end_date,
        cast(date_trunc('month', start_date) as date) as month,
        cast({{ days_in('start_date', 'end_date') }} as integer) as days,
        sum(amount) as amount
    from (
        select
            lower(charges.charge_type) as charge_type,
            coalesce(charges.start_date, charges.billed_date) as start_date,
            coalesce(charges.end_date, charges.start_date, charges.billed_date) as end_date,
            charges.amount
        from {{ ref('charges') }} as charges
        where
            charges.order_id is null and not charges.is_withdrawn
            and lower(charges.charge_type) not in ('storage', 'unknown')
            and charges.charge_id not in (select named.charge_id from {{ ref('int_charge_order_mentions') }} as named)
    ) as dated
    where start_date is not null
    group by charge_type, start_date, end_date

),

period as (

    select
        today,
        cast(date_trunc('month', start_date) as date) as first_month
    from {{ ref('int_open_period') }}

),

-- Consecutive periods: each begins on the day after the previous one.
spans as (

    select
        *,
        row_number() over (partition by charge_type order by start_date desc, end_date desc) as recency,
        {{ days_in('lag(end_date) over (partition by charge_type order by start_date, end_date)', 'start_date') }} = 2
            as follows,
        extract(day from start_date) = 1 and extract(day from {{ day_after('end_date') }}) = 1 as is_month,
        extract(day from start_date) in (1, 16) and extract(day from {{ day_after('end_date') }}) in (1, 16) as is_half
    from charged

),

rhythms as (

    select
        charge_type,
        case
            when min(spans.days) > 16 and count(case when is_month then 1 end) = {{ periods }} then 'month'
            when max(spans.days) <= 16 and count(case when is_half then 1 end) = {{ periods }} then 'half month'
            else 'days'
        end as rhythm,
        max(spans.days) as days,
        max(end_date) as last_date,
        -- The median of three.
        sum(spans.amount) - min(spans.amount) - max(spans.amount) as amount
    from spans
    where recency <= {{ periods }}
    group by charge_type
    having
        count(*) = {{ periods }} and min(spans.days) > 1
        and count(case when follows and recency < {{ periods }} then 1 end) = {{ periods - 1 }}
        and min(spans.amount) > 0 and max(spans.amount) <= {{ most_times }} * min(spans.amount)
        and (
            min(spans.days) = max(spans.days) or count(case when is_month then 1 end) = {{ periods }}
            or (max(spans.days) <= 16 and count(case when is_half then 1 end) = {{ periods }})
        )

),

-- The days since the last charged period. A type that missed two periods has ended.
open_days as (

    select
        charge_type,
        amount,
        date,
        case rhythm
            when 'month' then cast(date_trunc('month', date) as date)
            when 'half month' then {{ half_month.format('date') }}
            else {{ day_after('last_date') }}
        end as start_date,
        case
            when rhythm = 'month' or (rhythm = 'half month' and extract(day from date) > 15)
                then extract(day from {{ day_before(dbt.dateadd('month', 1, "cast(date_trunc('month', date) as date)")) }})
            else 15
        end - case when rhythm = 'half month' and extract(day from date) > 15 then 15 else 0 end as days_of_calendar,
        case when rhythm = 'days' then days end as days
    from (
        select
            rhythms.*,
            {{ days_of_row(day_after('rhythms.last_date'), 'period.today') }} as date
        from rhythms
        cross join period
        where period.today <= {{ days_after('rhythms.last_date', '2 * rhythms.days + 7') }}
    ) as days_since

),

by_days as (

    select
        charge_type,
        start_date,
        max(date) as end_date,
        count(*) as days,
        {{ rounded_money(
            'cast(max(open_days.amount) * count(*) as decimal(38, 10))
            / coalesce(max(open_days.days), max(open_days.days_of_calendar))'
        ) }} as expected
    from open_days
    group by charge_type, start_date

),

-- Types charged at least once in each month accrue by calendar days.
dated as (

    select
        charged.*,
        {{ days_in('lag(charged.start_date) over (partition by charged.charge_type order by charged.start_date)',
            'charged.start_date') }} - 1 as gap
    from charged
    cross join period
    where
        charged.month between {{ dbt.dateadd('month', -periods, 'period.first_month') }}
        and {{ day_before('period.first_month') }}
        and charged.charge_type not in (select rhythms.charge_type from rhythms)

),

monthly as (

    select
        charge_type,
        sum(amount) - min(amount) - max(amount) as monthly_amount
    from (
        select
            charge_type,
            month,
            sum(amount) as amount,
            min(gap) as least_gap,
            max(gap) as most_gap
        from dated
        group by charge_type, month
    ) as months
    group by charge_type
    having
        count(*) = {{ periods }} and min(amount) > 0 and max(amount) <= {{ most_times }} * min(amount)
        and max(most_gap) <= min(least_gap) + {{ most_days }}

),

open_months as (

    select
        cast(month as date) as month,
        {{ days_in('month', 'least(' ~ day_before(dbt.dateadd('month', 1, 'month')) ~ ', today)') }} as days,
        {{ days_in('month', day_before(dbt.dateadd('month', 1, 'month'))) }} as days_of_month,
        least({{ day_before(dbt.dateadd('month', 1, 'month')) }}, today) as last_date
    from (
        {%- for later in range(periods) %}
        {{ 'union all' if not loop.first }}
        select
            cast({{ dbt.dateadd('month', later, 'first_month') }} as date) as month,
            today
        from period
        {%- endfor %}
    ) as months
    where month <= today

),

-- The cost of the days that have passed, less what they were already charged.
by_months as (

    select
        monthly.charge_type,
        open_months.month as start_date,
        open_months.last_date as end_date,
        open_months.days,
        {{ rounded_money(
            'cast(monthly.monthly_amount * open_months.days as decimal(38, 10)) / open_months.days_of_month - coalesce(own.amount, 0)'
        ) }} as expected
    from monthly
    cross join open_months
    left join (
        select
            charge_type,
            month,
            sum(amount) as amount
        from charged
        group by charge_type, month
    ) as own on monthly.charge_type = own.charge_type and open_months.month = own.month

)

select * from by_days
where expected > 0
union all
select * from by_months
where expected > 0
