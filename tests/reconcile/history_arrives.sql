-- Stock and price of every item-day of history are those that staging holds, in the ledger and in the cost of storage.
{% set since = checked_from('least(cost_from, ledger_from)') -%}
with

history as (

    select
        item_id,
        date,
        case when count(supply + prepared) = count(*) then sum(supply + prepared) end as closing,
        case when count(price) = count(*) then sum(price) end as price
    from {{ ref('stg_inventory_history') }}
    where
        date >= {{ since }} and date >= {{ setting('earliest_date') }}
        and date <= (select today from {{ ref('int_account_today') }})
    group by item_id, date

),

cost as (

    select * from {{ ref('storage_cost_daily') }}
    where date >= {{ since }}

),

ledger as (

    select * from {{ ref('stock_ledger_daily') }}
    where date >= {{ since }}

)

select
    coalesce(history.item_id, cost.item_id, ledger.item_id) as item_id,
    coalesce(history.date, cost.date, ledger.date) as date
from history
full outer join cost on history.item_id = cost.item_id and history.date = cost.date
full outer join ledger on history.item_id = ledger.item_id and history.date = ledger.date
where
    history.price is distinct from cost.price
    or (history.item_id is null) <> (cost.item_id is null)
    or (ledger.item_id is not null and ledger.history_closing is distinct from history.closing)
