-- Invoices hold every charge that was not withdrawn, once, and so does the reconciliation.
with

charges as (

    select
        payment_id,
        charge_type,
        count(*) as charges,
        coalesce(sum(amount), 0) as billed
    from {{ ref('charges') }}
    where not is_withdrawn
    group by payment_id, charge_type

),

reconciled as (

    select
        payment_id,
        charge_type,
        count(*) as charges,
        coalesce(sum(billed), 0) as billed
    from {{ ref('invoice_reconciliation') }}
    group by payment_id, charge_type

),

entries as (

    select
        payment_id,
        charge_type,
        charges,
        billed
    from charges
    union all
    select
        payment_id,
        charge_type,
        charges,
        billed
    from reconciled
    union all
    select
        payment_id,
        charge_type,
        charges,
        billed
    from {{ ref('invoices') }}

)

select
    payment_id,
    charge_type
from entries
group by payment_id, charge_type
having count(*) <> 3 or min(charges) <> max(charges) or min(billed) <> max(billed)
