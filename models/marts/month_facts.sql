select
    month,
    'charge' as subject,
    {{ text('charge_id') }} as key,
    'amount' as measure,
    amount as value,
    seen_at
from {{ ref('month_charges') }}

union all

select
    month,
    'charges' as subject,
    charge_type as key,
    'amount' as measure,
    cast(sum(amount) as decimal(38, 24)) as value,
    max(seen_at) as seen_at
from {{ ref('month_charges') }}
group by month, charge_type

union all

select
    month,
    'invoice' as subject,
    {{ text('payment_id') }} as key,
    'amount' as measure,
    cast(sum(amount) as decimal(38, 24)) as value,
    max(seen_at) as seen_at
from {{ ref('month_charges') }}
where payment_id is not null
group by month, payment_id

union all

select
    month,
    subject,
    {{ text('item_id') }} as key,
    measure,
    value,
    seen_at
from {{ ref('month_items') }}
