{%- set since = month_of(rebuilt_from('ledger_from')) -%}
with

ledger as (

    select
        item_id,
        date,
        closing,
        cast(date_trunc('month', date) as date) as month
    from {{ ref('stock_ledger_daily') }}
    where date >= {{ since }}

),

last_days as (

    select
        item_id,
        month,
        max(date) as last_day
    from ledger
    group by item_id, month

)

select
    last_days.month,
    'stock' as subject,
    last_days.item_id,
    'closing' as measure,
    cast(ledger.closing as decimal(38, 24)) as value,
    cast(null as {{ column_type('timestamp with time zone') }}) as seen_at
from last_days
inner join ledger on last_days.item_id = ledger.item_id and last_days.last_day = ledger.date

union all

select
    cast(date_trunc('month', date) as date) as month,
    'storage' as subject,
    item_id,
    'price' as measure,
    cast(sum(known_price) as decimal(38, 24)) as value,
    max(seen_at) as seen_at
from {{ ref('int_inventory_daily') }}
where date >= {{ since }}
group by item_id, cast(date_trunc('month', date) as date)
