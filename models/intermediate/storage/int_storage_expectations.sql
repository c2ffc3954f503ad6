{%- set bases = {
    'daily': 'daily', 'month_start': 'month_start * charges.days', 'month_end': 'month_end * charges.days',
    'peak': 'peak * charges.days',
} -%}
with

charges as (

    select
        charges.charge_id,
        charges.item_id,
        charges.start_date,
        charges.end_date,
        {{ days_in('charges.start_date', 'charges.end_date') }} as days
    from {{ ref('charges') }} as charges
    where {{ expects_storage('charges') }}

),

item_days as (

    select
        item_id,
        date,
        volume_cuft,
        price,
        cast(coalesce(contract_price, price) as decimal(38, 24)) as expected_price,
        case when contract_price is not null then 1 else 0 end as is_contract
    from {{ ref('int_inventory_daily') }}
    where date >= {{ rebuilt_from('charges_from') }}

),

account_days as (

    select
        date,
        -- If one item has no price on a day, the day has no price.
        case when count(expected_price) = count(*) then cast(sum(expected_price) as decimal(38, 24)) end
            as expected_price,
        case when count(price) = count(*) then cast(sum(price) as decimal(38, 24)) end as price,
        case when count(volume_cuft) = count(*) then cast(sum(volume_cuft) as decimal(38, 24)) end as volume_cuft,
        min(is_contract) as is_contract
    from item_days
    group by date

),

-- The days of each charge with the expected price of everything that it covers; days with an unknown part are left out.
price_days as (

    select
        charges.charge_id,
        charges.start_date,
        charges.end_date,
        item_days.date,
        item_days.expected_price,
        item_days.price,
        cast(item_days.volume_cuft as decimal(38, 24)) as volume_cuft,
        item_days.is_contract
    from charges
    inner join item_days
        on charges.item_id = item_days.item_id and item_days.date between charges.start_date and charges.end_date
    union all
    select
        charges.charge_id,
        charges.start_date,
        charges.end_date,
        account_days.date,
        account_days.expected_price,
        account_days.price,
        account_days.volume_cuft,
        account_days.is_contract
    from charges
    inner join account_days on account_days.date between charges.start_date and charges.end_date
    where charges.item_id is null

),

prices as (

    select
        charge_id,
        count(expected_price) as priced_days,
        count(volume_cuft) as measured_days,
        {%- for prefix, price in {'': 'expected_price', 'api_': 'price'}.items() %}
        case when count({{ price }}) = count(*) then sum({{ price }}) end as {{ prefix }}daily,
        max(case when date = start_date then {{ price }} end) as {{ prefix }}month_start,
        max(case when date = end_date then {{ price }} end) as {{ prefix }}month_end,
        case when count({{ price }}) = count(*) then max({{ price }}) end as {{ prefix }}peak,
        {%- endfor %}
        sum(volume_cuft) as volume_days,
        max(case when date = start_date then volume_cuft end) as start_volume,
        max(case when date = end_date then volume_cuft end) as end_volume,
        max(volume_cuft) as peak_volume,
        min(case when expected_price is not null then is_contract end) = 1 as is_contract
    from price_days
    group by charge_id

),

-- Charges that lack the price of some day; there are few.
incomplete as (

    select
        charges.charge_id,
        charges.start_date,
        charges.end_date
    from charges
    left join prices on charges.charge_id = prices.charge_id
    where coalesce(prices.priced_days, 0) < charges.days

),

-- The days with a price and the days just outside the charge: any gap between two of them is missing.
marks as (

    select
        price_days.charge_id,
        price_days.date
    from price_days
    inner join incomplete on price_days.charge_id = incomplete.charge_id
    where price_days.expected_price is not null
    union all
    select
        charge_id,
        {{ day_before('start_date') }} as date
    from incomplete
    union all
    select
        charge_id,
        {{ day_after('end_date') }} as date
    from incomplete

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

)

-- The price is null if a day that the basis uses has none; the volume is null if any day has none.
select
    charges.charge_id,
    charges.end_date,
    charges.days,
    gaps.missing_days,
    coalesce(prices.is_contract, false) as is_contract
    {%- for prefix in ('', 'api_') %}
        {%- for basis, total in bases.items() %},
    {%- if basis in ('month_start', 'month_end') %}
    {{ rounded_money('prices.' ~ prefix ~ total) }} as {{ prefix }}{{ basis }}
    {%- else %}
    case when gaps.missing_days is null then {{ rounded_money('prices.' ~ prefix ~ total) }} end as {{ prefix }}{{ basis }}
    {%- endif %}
        {%- endfor %}
    {%- endfor %},
    case when prices.measured_days = charges.days
        then {{ rounded_quotient('prices.volume_days', 'cast(charges.days as decimal(38, 24))', 6) }} end as average_volume
    {%- for volume in ('start_volume', 'end_volume', 'peak_volume') %},
    case when prices.measured_days = charges.days then cast(prices.{{ volume }} as decimal(18, 6)) end as {{ volume }}
    {%- endfor %}
from charges
left join gaps on charges.charge_id = gaps.charge_id
left join prices on charges.charge_id = prices.charge_id
