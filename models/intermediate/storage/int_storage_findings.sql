{%- set basis_evidence = {'basis': 'basis', 'configured_basis': configured_basis(), 'charges': ['charges'],
    'difference': [money('amount')], 'error': [money('error')]} -%}
{%- set billed_columns = {'charge_type': "'storage'", 'start_date': 'start_date', 'end_date': 'end_date',
    'occurrences': 'charges', 'amount': 'amount'} -%}
{%- set configured_words = "replace(" ~ configured_basis() ~ ", '_', ' ')" -%}
{#- A rate has changed if the price per cubic foot moves by more than this share for this many days. -#}
{%- set change_share, change_days = 0.005, 5 -%}
with

billed as (

    select
        observed.basis,
        count(*) as charges,
        sum(checks.billed - observed.configured) as amount,
        sum(abs(checks.billed - observed.expected)) as error,
        min(checks.start_date) as start_date,
        max(checks.end_date) as end_date
    from {{ ref('int_storage_basis_observed') }} as observed
    inner join {{ ref('invoice_reconciliation') }} as checks on observed.charge_id = checks.charge_id
    where checks.status = 'matched' and observed.is_explained and observed.basis <> {{ configured_basis() }}
    group by observed.basis

),

contract as (

    select
        count(*) as item_days,
        count(distinct item_id) as items,
        sum(price - contract_price) as amount,
        min(date) as start_date,
        max(date) as end_date
    from {{ ref('storage_cost_daily') }}
    -- Allow a tolerance, because the API rounds its prices and a contract does not.
    where abs(price - contract_price) > 0.005 * contract_price + 0.00001
    having count(*) > 0

),

-- The account's price per cubic foot and day. A different mix of items changes it less than a new rate does.
days as (

    select
        date,
        sum(volume_cuft) as volume_cuft,
        cast({{ rounded_quotient('sum(price)', 'sum(volume_cuft)', 8) }} as decimal(18, 8)) as rate
    from {{ ref('storage_cost_daily') }}
    where price is not null and volume_cuft > 0
    group by date

),

steps as (

    select
        *,
        lag(rate) over (order by date) as rate_before,
        min(rate) over earlier as lowest_before,
        max(rate) over earlier as highest_before,
        min(rate) over later as lowest_since,
        max(rate) over later as highest_since,
        count(*) over earlier as days_before,
        count(*) over later as days_since
    from days
    window
        earlier as (order by date rows between {{ change_days }} preceding and 1 preceding),
        later as (order by date rows between current row and {{ change_days - 1 }} following)

),

-- Require the new rate for most of the stored volume: one expensive new item also changes the mean.
moved as (

    select
        steps.date,
        sum(after.volume_cuft) as compared,
        sum(case
            when abs(after.rate - before.rate) > {{ change_share }} * before.rate then after.volume_cuft else 0
        end) as moved
    from steps
    inner join {{ ref('storage_cost_daily') }} as after on steps.date = after.date
    inner join {{ ref('storage_cost_daily') }} as before
        on after.item_id = before.item_id and before.date = {{ day_before('after.date') }}
    where
        steps.days_before = {{ change_days }} and steps.days_since = {{ change_days }}
        and (
            steps.lowest_since > (1 + {{ change_share }}) * steps.highest_before
            or steps.highest_since < (1 - {{ change_share }}) * steps.lowest_before
        )
    group by steps.date

),

pools as (

    select
        observed.pool,
        observed.basis,
        observed.rate,
        min(charges.start_date) as date,
        sum(case when observed.rate > 0 then observed.expected / observed.rate else 0 end) as volume_cuft
    from {{ ref('int_storage_basis_observed') }} as observed
    inner join {{ ref('charges') }} as charges on observed.charge_id = charges.charge_id
    where observed.rate is not null and observed.is_explained and observed.pool like 'invoice%'
    group by observed.pool, observed.basis, observed.rate

),

rate_changes as (

    select
        steps.date,
        'per cubic foot and day' as unit,
        steps.rate_before,
        steps.rate,
        (steps.rate - steps.rate_before) * steps.volume_cuft * 365 / 12 as monthly_cost
    from steps
    inner join moved on steps.date = moved.date
    where moved.moved >= 0.6 * moved.compared
    union all
    select
        date,
        'per cubic foot and bill' as unit,
        rate_before,
        rate,
        (rate - rate_before) * volume_cuft as monthly_cost
    from (
        select
            *,
            lag(rate) over (partition by basis order by date) as rate_before
        from pools
    ) as billed_rates
    where abs(rate - rate_before) > {{ change_share }} * rate_before

)

select
    {{ finding(
        'storage_basis', 'basis',
        "charges || ' storage charges are billed by ' || " ~ basis_words('basis') ~ " || ', not by ' || " ~ configured_words
        ~ " || ' as expected: ' || " ~ money('amount') ~ " || ' in all.'",
        basis_evidence, billed_columns
    ) }}
from billed
where basis not like 'api%'
union all
select
    {{ finding(
        'storage_rate', 'basis',
        "charges || ' storage charges are billed by ' || " ~ basis_words('basis') ~ " || ', not by ' || " ~ configured_words
        ~ " || ' of the contract’s rate: ' || " ~ money('amount') ~ " || ' in all.'",
        basis_evidence, billed_columns
    ) }}
from billed
where basis like 'api%'
union all
select
    {{ finding(
        'storage_price', "'contract'",
        "'The account’s own storage prices are not those of the contract on ' || item_days || ' item-days of ' || items"
        ~ " || ' items: ' || " ~ money('amount') ~ " || ' in all.'",
        {'item_days': ['item_days'], 'items': ['items'], 'difference': [money('amount')], 'start_date': 'start_date',
        'end_date': 'end_date'},
        {'charge_type': "'storage'", 'start_date': 'start_date', 'end_date': 'end_date', 'occurrences': 'item_days',
        'amount': 'amount'}
    ) }}
from contract
union all
select
    {{ finding(
        'storage_rate_change', "date || '-' || unit",
        "'Since ' || date || ' storage costs ' || " ~ number_text('rate') ~ " || ' ' || unit || '; before, '"
        ~ " || " ~ number_text('rate_before') ~ " || '. At the volume of that day it is ' || " ~ money('monthly_cost')
        ~ " || ' a month. Was it agreed?'",
        {'valid_from': 'date', 'unit': 'unit', 'rate': ['rate'], 'rate_before': ['rate_before'],
        'monthly_cost': [money('monthly_cost')]},
        {'charge_type': "'storage'", 'start_date': 'date', 'amount': 'monthly_cost'}
    ) }}
from rate_changes
