with

grouped as (

    select
        payment_id,
        max(billed_date) as billed_date,
        charge_type,
        count(*) as charges,
        cast(coalesce(sum(billed), 0) as decimal(38, 24)) as billed,
        -- If one charge has no expected amount, neither has the invoice: a partial sum would look like a complete one.
        case when count(expected) = count(*) then cast(sum(expected) as {{ money_type() }}) end as expected,
        count(*) - count(billed) as charges_without_amount,
        cast(sum(case when is_amount_unreadable then 1 else 0 end) as bigint) as unreadable_amounts
    from {{ ref('invoice_reconciliation') }}
    group by payment_id, charge_type

)

select
    payment_id,
    billed_date,
    charge_type,
    charges,
    billed,
    expected,
    case when charges_without_amount = 0 then billed - expected end as difference,
    unreadable_amounts
from grouped
