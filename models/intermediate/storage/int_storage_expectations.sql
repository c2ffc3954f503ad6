{%- set bases = {
    'daily': 'daily', 'month_start': 'month_start * charges.days', 'month_end': 'month_end * charges.days',
    'peak': 'peak * charges.days',
} -%}
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
        days.charge_id,
        {%- for prefix, price in {'': 'expected_price', 'api_': 'price'}.items() %}
        case when count(days.{{ price }}) = count(*) then sum(days.{{ price }}) end as {{ prefix }}daily,
        max(case when days.date = charges.start_date then days.{{ price }} end) as {{ prefix }}month_start,
        max(case when days.date = charges.end_date then days.{{ price }} end) as {{ prefix }}month_end,
        case when count(days.{{ price }}) = count(*) then max(days.{{ price }}) end as {{ prefix }}peak,
        {%- endfor %}
        case when count(days.volume_cuft) = count(*) then sum(days.volume_cuft) end as volume_days,
        max(case when days.date = charges.start_date then days.volume_cuft end) as start_volume,
        max(case when days.date = charges.end_date then days.volume_cuft end) as end_volume,
        case when count(days.volume_cuft) = count(*) then max(days.volume_cuft) end as peak_volume,
        min(days.is_contract) = 1 as is_contract
    from {{ ref('int_storage_price_days') }} as days
    inner join charges on days.charge_id = charges.charge_id
    group by days.charge_id

)

-- Nothing where a day has no price.
select
    charges.charge_id,
    charges.end_date,
    charges.days,
    gaps.missing_days,
    coalesce(prices.is_contract, false) as is_contract
    {%- for prefix in ('', 'api_') %}
        {%- for basis, total in bases.items() %},
    case when gaps.missing_days is null then {{ rounded_money('prices.' ~ prefix ~ total) }} end as {{ prefix }}{{ basis }}
        {%- endfor %}
    {%- endfor %},
    case when gaps.missing_days is null
        then {{ rounded_quotient('prices.volume_days', 'cast(charges.days as decimal(38, 24))', 6) }} end as average_volume
    {%- for volume in ('start_volume', 'end_volume', 'peak_volume') %},
    case when gaps.missing_days is null then cast(prices.{{ volume }} as decimal(18, 6)) end as {{ volume }}
    {%- endfor %}
from charges
left join {{ ref('int_storage_price_gaps') }} as gaps on charges.charge_id = gaps.charge_id
left join prices on charges.charge_id = prices.charge_id
