select
    charge_id,
    payment_id,
    rule,
    abs(difference) as amount_at_stake,
    reason as evidence,
    billed_date,
    cast({{ dbt.dateadd('day', var('dispute_days'), 'billed_date') }} as date) as dispute_until
from {{ ref('invoice_reconciliation') }}
where status = 'exception'
