select
    month,
    'charge' as subject,
    {{ text('charge_id') }} as key,
    'amount' as measure,
    amount as value,
    seen_at
from {{ ref('int_month_charges') }}

union all

select
    month,
    'charges' as subject,
    charge_type as key,
    'amount' as measure,
    cast(sum(amount) as decimal(38, 24)) as value,
    max(seen_at) as seen_at
from {{ ref('int_month_charges') }}
group by month, charge_type

union all

select
    month,
    'invoice' as subject,
    {{ text('payment_id') }} as key,
    'amount' as measure,
    cast(sum(amount) as decimal(38, 24)) as value,
    max(seen_at) as seen_at
from {{ ref('int_month_charges') }}
where payment_id is not null
group by month, payment_id

union all

select
    facts.month,
    facts.subject,
    {{ text('facts.item_id') }} as key,
    facts.measure,
    facts.value,
    coalesce(facts.seen_at, records.seen_at) as seen_at
from {{ ref('int_month_end_items') }} as facts
-- Read from raw: when an item's records were last seen needs no choice among versions.
left join (
    select
        item_id,
        max(_seen_at) as seen_at
    from {{ source('raw', 'item_quantities') }}
    where not _is_removed
    group by item_id
) as records on facts.subject = 'stock' and facts.item_id = records.item_id
