with

charges as (

    select
        charges.charge_id,
        charges.payment_id,
        coalesce(charges.charge_type, 'unknown') as charge_type,
        latest.seen_at,
        -- The month that a charge is for or, if it has no dates, the month in which it was billed.
        cast(date_trunc('month', coalesce(charges.start_date, charges.billed_date)) as date) as month,
        case when not charges.is_withdrawn then charges.amount end as amount
    from {{ ref('charges') }} as charges
    inner join {{ ref('stg_payment_items') }} as latest on charges.charge_id = latest.charge_id
    where coalesce(charges.start_date, charges.billed_date) is not null

)

select
    month,
    'charge' as subject,
    {{ text('charge_id') }} as key,
    'amount' as measure,
    amount as value,
    seen_at
from charges

union all

select
    month,
    'charges' as subject,
    charge_type as key,
    'amount' as measure,
    cast(sum(amount) as decimal(38, 24)) as value,
    max(seen_at) as seen_at
from charges
group by month, charge_type

union all

select
    month,
    'invoice' as subject,
    {{ text('payment_id') }} as key,
    'amount' as measure,
    cast(sum(amount) as decimal(38, 24)) as value,
    max(seen_at) as seen_at
from charges
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
-- Query raw rows: a maximum does not need the latest versions.
left join (
    select
        item_id,
        max(_seen_at) as seen_at
    from {{ source('raw', 'item_quantities') }}
    where not _is_removed
    group by item_id
) as records on facts.subject = 'stock' and facts.item_id = records.item_id
