with

charges as (

    select
        charges.charge_id,
        charges.start_date,
        charges.end_date,
        {{ days_in('charges.start_date', 'charges.end_date') }} as days
    from {{ ref('charges') }} as charges
    where {{ expects_storage('charges') }}

),

prices as (

    select
        charge_id,
        sum(expected_price) as daily,
        max(case when date = end_date then expected_price end) as month_end,
        max(expected_price) as peak,
        case when count(price) = count(*) then sum(price) end as api_daily,
        max(case when date = end_date then price end) as api_month_end,
        case when count(price) = count(*) then max(price) end as api_peak
    from {{ ref('storage_price_days') }}
    group by charge_id

)

select
    charges.charge_id,
    charges.end_date,
    charges.days,
    gaps.missing_days,
    case when gaps.missing_days is null then {{ rounded_money('prices.daily') }} end as daily,
    case when gaps.missing_days is null then {{ rounded_money('prices.month_end * charges.days') }} end as month_end,
    case when gaps.missing_days is null then {{ rounded_money('prices.peak * charges.days') }} end as peak,
    case when gaps.missing_days is null then {{ rounded_money('prices.api_daily') }} end as api_daily,
    case when gaps.missing_days is null then {{ rounded_money('prices.api_month_end * charges.days') }} end
        as api_month_end,
    case when gaps.missing_days is null then {{ rounded_money('prices.api_peak * charges.days') }} end as api_peak
from charges
left join {{ ref('storage_price_gaps') }} as gaps on charges.charge_id = gaps.charge_id
left join prices on charges.charge_id = prices.charge_id
