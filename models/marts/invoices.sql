with

grouped as (

    select
        payment_id,
        max(billed_date) as billed_date,
        charge_type,
        count(*) as charges,
        cast(sum(billed) as decimal(38, 24)) as billed,
        -- A sum over some of the charges would pass for the whole: one without an expectation leaves none.
        case when count(expected) = count(*) then cast(sum(expected) as {{ money_type() }}) end as expected
    from {{ ref('invoice_reconciliation') }}
    group by payment_id, charge_type

)

select
    *,
    billed - expected as difference
from grouped
