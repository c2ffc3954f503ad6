{%- set basis_evidence = {'basis': 'basis', 'configured_basis': setting('storage_basis'), 'charges': ['charges'],
    'difference': [money('amount')], 'error': [money('error')]} -%}
{%- set billed_columns = {'charge_type': "'storage'", 'start_date': 'start_date', 'end_date': 'end_date',
    'occurrences': 'charges', 'amount': 'amount'} -%}
with

billed as (

    select
        practices.basis,
        count(*) as charges,
        sum(checks.difference) as amount,
        sum(abs(checks.billed - practices.expected)) as error,
        min(checks.start_date) as start_date,
        max(checks.end_date) as end_date
    from {{ ref('storage_practices') }} as practices
    inner join {{ ref('invoice_reconciliation') }} as checks on practices.charge_id = checks.charge_id
    where checks.status = 'matched'
    group by practices.basis

),

contract as (

    select
        count(*) as item_days,
        count(distinct item_id) as items,
        sum(price - contract_price) as amount,
        min(date) as start_date,
        max(date) as end_date
    from {{ ref('storage_cost_daily') }}
    -- The API's prices are rounded somewhere; a contract is not.
    where abs(price - contract_price) > 0.005 * contract_price + 0.00001
    having count(*) > 0

)

select
    {{ finding(
        'storage_basis', 'basis',
        "charges || ' storage charges are billed by ' || " ~ basis_words('basis') ~ " || ' volume or prices, not by ' || replace("
        ~ setting('storage_basis') ~ ", '_', ' ') || ' as expected: ' || " ~ money('amount') ~ " || ' in all.'",
        basis_evidence, billed_columns
    ) }}
from billed
where basis not like 'api%'
union all
select
    {{ finding(
        'storage_rate', 'basis',
        "charges || ' storage charges are billed by ' || " ~ basis_words('basis') ~ " || ', not by ' || replace("
        ~ setting('storage_basis') ~ ", '_', ' ') || ' of the contract’s rate: ' || " ~ money('amount') ~ " || ' in all.'",
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
