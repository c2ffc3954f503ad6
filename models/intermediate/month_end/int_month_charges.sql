select
    charges.charge_id,
    charges.payment_id,
    coalesce(charges.charge_type, 'unknown') as charge_type,
    latest.seen_at,
    -- The month that a charge is for; where it says none, the month in which it was billed.
    cast(date_trunc('month', coalesce(charges.start_date, charges.billed_date)) as date) as month,
    case when not charges.is_withdrawn then charges.amount end as amount
from {{ ref('charges') }} as charges
inner join {{ ref('stg_payment_items') }} as latest on charges.charge_id = latest.charge_id
where coalesce(charges.start_date, charges.billed_date) is not null
