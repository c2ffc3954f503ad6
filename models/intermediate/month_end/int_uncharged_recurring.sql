{#- What each of so many closed months was charged, by amounts that differ by no more than this, recurs. -#}
{%- set months, most_times = 3, 2 -%}
with

charged as (

    select
        lower(charges.charge_type) as charge_type,
        cast(date_trunc('month', coalesce(charges.start_date, charges.billed_date)) as date) as month,
        sum(charges.amount) as amount
    from {{ ref('charges') }} as charges
    where
        charges.order_id is null and not charges.is_withdrawn
        and lower(charges.charge_type) not in ('storage', 'unknown')
        and charges.charge_id not in (select named.charge_id from {{ ref('int_charge_order_mentions') }} as named)
    group by lower(charges.charge_type), cast(date_trunc('month', coalesce(charges.start_date, charges.billed_date)) as date)

),

period as (

    select
        today,
        cast(date_trunc('month', start_date) as date) as first_month
    from {{ ref('int_open_period') }}

),

recurring as (

    select
        charge_type,
        -- Of three the middle one.
        sum(amount) - min(amount) - max(amount) as monthly_amount
    from charged
    cross join period
    where month between {{ dbt.dateadd('month', -months, 'period.first_month') }} and {{ day_before('period.first_month') }}
    group by charge_type
    having count(*) = {{ months }} and min(amount) > 0 and max(amount) <= {{ most_times }} * min(amount)

),

open_months as (

    select
        cast(month as date) as month,
        {{ days_in('month', 'least(' ~ day_before(dbt.dateadd('month', 1, 'month')) ~ ', today)') }} as days,
        {{ days_in('month', day_before(dbt.dateadd('month', 1, 'month'))) }} as days_of_month,
        least({{ day_before(dbt.dateadd('month', 1, 'month')) }}, today) as last_date
    from (
        {%- for later in range(months) %}
        {{ 'union all' if not loop.first }}
        select
            cast({{ dbt.dateadd('month', later, 'first_month') }} as date) as month,
            today
        from period
        {%- endfor %}
    ) as months
    where month <= today

),

-- As much as the days that have passed cost, less what is charged for them already.
expected as (

    select
        recurring.charge_type,
        open_months.month as start_date,
        open_months.last_date as end_date,
        open_months.days,
        {{ rounded_money(
            'cast(recurring.monthly_amount * open_months.days as decimal(38, 10)) / open_months.days_of_month - coalesce(charged.amount, 0)'
        ) }} as expected
    from recurring
    cross join open_months
    left join charged on recurring.charge_type = charged.charge_type and open_months.month = charged.month

)

select * from expected
where expected > 0
