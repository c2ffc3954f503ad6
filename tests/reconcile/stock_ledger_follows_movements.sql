-- What the ledger says of a day is what was moved on it: no flow without its movements, and none of them left out.
{% set since = checked_from('ledger_from') -%}
with

movements as (

    select
        item_id,
        movement_date as date,
        sum(case when movement_type = 'received' then quantity else 0 end) as received,
        sum(case when movement_type = 'shipped' then quantity else 0 end) as shipped,
        sum(case when movement_type = 'returned' then quantity else 0 end) as returned,
        sum(case when movement_type = 'adjusted' then quantity else 0 end) as adjusted
    from {{ ref('stock_movements') }}
    where movement_date >= {{ since }}
    group by item_id, movement_date

),

ledger as (

    select * from {{ ref('stock_ledger_daily') }}
    where date >= {{ since }}

)

select
    coalesce(ledger.item_id, movements.item_id) as item_id,
    coalesce(ledger.date, movements.date) as date
from ledger
full outer join movements on ledger.item_id = movements.item_id and ledger.date = movements.date
where
    ledger.item_id is null
    or ledger.received <> coalesce(movements.received, 0)
    or ledger.shipped <> coalesce(movements.shipped, 0)
    or ledger.returned <> coalesce(movements.returned, 0)
    or ledger.adjusted <> coalesce(movements.adjusted, 0)
