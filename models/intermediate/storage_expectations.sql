with

charges as (

    select
        charge_id,
        start_date,
        end_date,
        {{ dbt.datediff('start_date', 'end_date', 'day') }} + 1 as days
    from {{ ref('charges') }}
    where lower(charge_type) = 'storage' and not is_withdrawn and amount >= 0 and start_date <= end_date

),

priced as (

    select * from {{ ref('storage_price_days') }}

),

-- The days that have a price, between two that stand just outside the charge: what lies between two of them is missing.
marks as (

    select charge_id, date from priced
    union all
    select charge_id, {{ day_before('start_date') }} as date from charges
    union all
    select charge_id, {{ day_after('end_date') }} as date from charges

),

steps as (

    select
        charge_id,
        {{ day_after('lag(date) over (partition by charge_id order by date)') }} as gap_start,
        {{ day_before('date') }} as gap_end
    from marks

),

gaps as (

    select
        charge_id,
        {{ dbt.listagg(
            "case when gap_start = gap_end then '' else gap_start || ' to ' end || gap_end", "', '", 'order by gap_start'
        ) }} as missing_days
    from steps
    where gap_start <= gap_end
    group by charge_id

),

prices as (

    select
        charge_id,
        sum(expected_price) as daily,
        max(case when date = end_date then expected_price end) as month_end,
        max(expected_price) as peak
    from priced
    group by charge_id

)

select
    charges.charge_id,
    charges.days,
    gaps.missing_days,
    case when gaps.missing_days is null then cast(prices.daily as decimal(18, 2)) end as daily,
    case when gaps.missing_days is null then cast(prices.month_end * charges.days as decimal(18, 2)) end as month_end,
    case when gaps.missing_days is null then cast(prices.peak * charges.days as decimal(18, 2)) end as peak
from charges
left join gaps on charges.charge_id = gaps.charge_id
left join prices on charges.charge_id = prices.charge_id
