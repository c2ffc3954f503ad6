with

last_days as (

    select
        item_id,
        cast(date_trunc('month', date) as date) as month,
        max(date) as last_day
    from {{ ref('stock_ledger_daily') }}
    group by item_id, cast(date_trunc('month', date) as date)

),

records as (

    select
        item_id,
        max(seen_at) as seen_at
    from {{ ref('stg_item_quantities') }}
    group by item_id

)

select
    last_days.month,
    'stock' as subject,
    last_days.item_id,
    'closing' as measure,
    cast(ledger.closing as decimal(38, 24)) as value,
    records.seen_at
from last_days
inner join {{ ref('stock_ledger_daily') }} as ledger
    on last_days.item_id = ledger.item_id and last_days.last_day = ledger.date
left join records on last_days.item_id = records.item_id

union all

select
    cast(date_trunc('month', date) as date) as month,
    'storage' as subject,
    item_id,
    'price' as measure,
    cast(sum(price) as decimal(38, 24)) as value,
    max(seen_at) as seen_at
from {{ ref('stg_inventory_history') }}
group by item_id, cast(date_trunc('month', date) as date)
