-- All movements of an item, counter by counter, lead to the counters of its last record.
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
    group by item_id

),

latest as (

    select
        *,
        row_number() over (partition by item_id order by date desc) as place
    from {{ ref('stock_daily') }}

)

select latest.item_id
from latest
left join moved on latest.item_id = moved.item_id
where
    latest.place = 1 and (
        latest.supply <> coalesce(moved.supply, 0)
        or latest.prepared <> coalesce(moved.prepared, 0)
        or latest.receiving <> coalesce(moved.receiving, 0)
        or latest.back_ordered <> coalesce(moved.back_ordered, 0)
    )
