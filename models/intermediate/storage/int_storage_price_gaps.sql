with

priced as (

    select
        charge_id,
        count(*) as days
    from {{ ref('int_storage_price_days') }}
    group by charge_id

),

-- Those that lack a price on any day: few, as a rule.
charges as (

    select
        charges.charge_id,
        charges.start_date,
        charges.end_date
    from {{ ref('charges') }} as charges
    left join priced on charges.charge_id = priced.charge_id
    where
        {{ expects_storage('charges') }}
        and coalesce(priced.days, 0) < {{ days_in('charges.start_date', 'charges.end_date') }}

),

-- The days that have a price, between two that stand just outside the charge: what lies between two of them is missing.
marks as (

    select
        days.charge_id,
        days.date
    from {{ ref('int_storage_price_days') }} as days
    inner join charges on days.charge_id = charges.charge_id
    union all
    select
        charge_id,
        {{ day_before('start_date') }} as date
    from charges
    union all
    select
        charge_id,
        {{ day_after('end_date') }} as date
    from charges

),

steps as (

    select
        charge_id,
        {{ day_after('lag(date) over (partition by charge_id order by date)') }} as gap_start,
        {{ day_before('date') }} as gap_end
    from marks

)

select
    charge_id,
    {{ dbt.listagg(
        "case when gap_start = gap_end then '' else gap_start || ' to ' end || gap_end", "', '", 'order by gap_start'
    ) }} as missing_days
from steps
where gap_start <= gap_end
group by charge_id
