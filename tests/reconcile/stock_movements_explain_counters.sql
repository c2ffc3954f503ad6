-- All movements of an item, counter by counter, lead to the counters of its last record; in a build that adds days,
-- those of the added days lead there from the counters before them.
{% set since = checked_from("stock_from") -%}
with

moved as (

    select
        item_id,
        sum(
            case
                when movement_type in ('received', 'adjusted', 'returned') then quantity
                when movement_type = 'picked' then -quantity
                when movement_type = 'opening' and counter = 'supply' then quantity
                else 0
            end
        ) as supply,
        sum(
            case
                when movement_type = 'picked' then quantity
                when movement_type = 'shipped' then -quantity
                when movement_type = 'opening' and counter = 'prepared' then quantity
                else 0
            end
        ) as prepared,
        sum(
            case
                when movement_type = 'received' then -quantity
                when counter = 'receiving' then quantity
                else 0
            end
        ) as receiving,
        sum(case when counter = 'back_ordered' then quantity else 0 end) as back_ordered
    from {{ ref('stock_movements') }}
    where movement_date >= {{ since }}
    group by item_id

),

days as (

    select
        max(date) as last_date,
        max(case when date < {{ since }} then date end) as date_before
    from {{ ref('stock_daily') }}

),

latest as (

    select stock.*
    from {{ ref('stock_daily') }} as stock
    inner join days on stock.date = days.last_date

),

before as (

    select stock.*
    from {{ ref('stock_daily') }} as stock
    inner join days on stock.date = days.date_before

)

select coalesce(latest.item_id, before.item_id, moved.item_id) as item_id
from latest
full outer join before on latest.item_id = before.item_id
full outer join moved on coalesce(latest.item_id, before.item_id) = moved.item_id
where
    coalesce(latest.supply, 0) <> coalesce(before.supply, 0) + coalesce(moved.supply, 0)
    or coalesce(latest.prepared, 0) <> coalesce(before.prepared, 0) + coalesce(moved.prepared, 0)
    or coalesce(latest.receiving, 0) <> coalesce(before.receiving, 0) + coalesce(moved.receiving, 0)
    or coalesce(latest.back_ordered, 0) <> coalesce(before.back_ordered, 0) + coalesce(moved.back_ordered, 0)
