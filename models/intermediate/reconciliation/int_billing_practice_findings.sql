-- Regular practices of the bills: each becomes one finding instead of an exception for every charge.
with

repeated as (

    select
        charges.charge_type,
        max(settlements.charges_of_type) as charges,
        count(*) as repeats,
        sum(charges.amount) as amount,
        min(charges.start_date) as start_date,
        max(charges.end_date) as end_date
    from {{ ref('int_charge_settlements') }} as settlements
    inner join {{ ref('charges') }} as charges on settlements.charge_id = charges.charge_id
    where settlements.repeats is not null
    group by charges.charge_type

),

late as (

    select
        charge_type,
        count(*) as charges,
        sum(amount) as amount,
        min(start_date) as start_date,
        max(end_date) as end_date
    from {{ ref('int_charge_evidence') }}
    where lies_outside = 1 and not is_outside
    group by charge_type

),

stored as (

    select
        storage.pool,
        max(storage.basis) as basis,
        max(storage.explained) as explained,
        max(storage.charges) as compared,
        count(*) as charges,
        sum(charges.amount) as amount,
        min(charges.start_date) as start_date,
        max(charges.end_date) as end_date,
        max(charges.payment_id) as payment_id
    from {{ ref('int_storage_basis_observed') }} as storage
    inner join {{ ref('charges') }} as charges on storage.charge_id = charges.charge_id
    inner join {{ ref('int_storage_expectations') }} as expectations on storage.charge_id = expectations.charge_id
    where not storage.is_explained and not expectations.is_contract
    group by storage.pool

)

select
    {{ finding(
        'repeated_charges', 'charge_type',
        "repeats || ' of ' || charges || ' ' || charge_type || ' charges repeat another one on their invoice in every field, '"
        ~ " || 'as one line per carton does: ' || " ~ money('amount') ~ " || ' in all. They were not taken for duplicates.'",
        {'charge_type': 'charge_type', 'charges': ['charges'], 'repeats': ['repeats'], 'amount': [money('amount')]},
        {'charge_type': 'charge_type', 'start_date': 'start_date', 'end_date': 'end_date', 'occurrences': 'repeats',
        'amount': 'amount'}
    ) }}
from repeated
union all
select
    {{ finding(
        'invoice_period', 'charge_type',
        "charges || ' ' || charge_type || ' charges are for days outside the period of their invoice, as this type often '"
        ~ " || 'is: ' || " ~ money('amount') ~ " || ' in all. They were not checked for it.'",
        {'charge_type': 'charge_type', 'charges': ['charges'], 'amount': [money('amount')]},
        {'charge_type': 'charge_type', 'start_date': 'start_date', 'end_date': 'end_date', 'occurrences': 'charges',
        'amount': 'amount'}
    ) }}
from late
union all
select
    {{ finding(
        'invoice_period', 'payment_id',
        "outside || ' of ' || charges || ' charges of invoice ' || payment_id || ' lie outside the '"
        ~ " || case source when 'storage' then 'days of its storage' when 'month' then 'month before it was billed'"
        ~ " else 'days that such invoices are for' end"
        ~ " || ': it has another period, and was not checked for it.'",
        {'payment_id': ['payment_id'], 'charges': ['charges'], 'outside': ['outside'], 'period_start': 'first_date',
        'period_end': 'last_date'},
        {'payment_id': 'payment_id', 'start_date': 'first_date', 'end_date': 'last_date', 'occurrences': 'outside'}
    ) }}
from {{ ref('int_invoice_periods') }}
where not is_known and outside > 0
union all
select
    {{ finding(
        'storage_unexplained', 'pool',
        "'No basis explains 60 % of the storage charges of ' || case when pool = 'account' then 'the account' else pool end"
        ~ " || '; the best, ' || " ~ basis_words('basis') ~ " || ', explains ' || explained || ' of ' || compared"
        ~ " || '. ' || charges || ' charges, ' || " ~ money('amount') ~ " || ' in all, were not checked.'",
        {'pool': 'pool', 'basis': 'basis', 'explained': ['explained'], 'compared': ['compared'], 'charges': ['charges'],
        'amount': [money('amount')]},
        {'charge_type': "'storage'", 'payment_id': "case when pool <> 'account' then payment_id end",
        'start_date': 'start_date', 'end_date': 'end_date', 'occurrences': 'charges', 'amount': 'amount'}
    ) }}
from stored
