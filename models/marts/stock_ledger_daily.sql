{%- set since = rebuilt_from('ledger_from') -%}
with

movements as (

    select
        item_id,
        movement_date,
        sum(case when movement_type = 'received' then quantity else 0 end) as received,
        sum(case when movement_type = 'shipped' then quantity else 0 end) as shipped,
        sum(case when movement_type = 'returned' then quantity else 0 end) as returned,
        sum(case when movement_type = 'adjusted' then quantity else 0 end) as adjusted
    from {{ ref('stock_movements') }}
    where movement_date >= {{ since }}
    group by item_id, movement_date

),

compared as (

    select
        stock.*,
        coalesce(movements.received, 0) as received,
        coalesce(movements.shipped, 0) as shipped,
        coalesce(movements.returned, 0) as returned,
        coalesce(movements.adjusted, 0) as adjusted,
        history.supply + history.prepared as history_closing,
        stock.is_end_known and history.supply + history.prepared is not null as is_observed,
        stock.supply - history.supply as supply_difference,
        stock.prepared - history.prepared as prepared_difference,
        stock.receiving - history.receiving as receiving_difference
    from {{ ref('stock_daily') }} as stock
    left join movements on stock.item_id = movements.item_id and stock.date = movements.movement_date
    left join {{ ref('int_inventory_daily') }} as history
        on stock.item_id = history.item_id and stock.date = history.date and history.date >= {{ since }}
    where stock.date >= {{ since }}

)

select
    item_id,
    sku,
    date,
    -- The opening is the closing less the movements of the day; a check compares it with the previous closing.
    cast(physical - received + shipped - returned - adjusted as bigint) as opening,
    cast(received as bigint) as received,
    cast(shipped as bigint) as shipped,
    cast(returned as bigint) as returned,
    cast(adjusted as bigint) as adjusted,
    physical as closing,
    history_closing,
    case when is_observed then physical - history_closing end as unreconciled,
    is_observed,
    case when is_observed then supply_difference end as unreconciled_supply,
    case when is_observed then prepared_difference end as unreconciled_prepared,
    case when is_observed then receiving_difference end as unreconciled_receiving
from compared
