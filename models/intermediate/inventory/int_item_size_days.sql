-- Sizes are compared as the warehouse prices them: a cubic foot too much costs its rate every day and unit.
with

-- The items of which there may be something to say, read from raw: nearly all keep their size.
suspects as (

    select sizes.item_id
    from (
        select
            id as item_id,
            min(cubic_size) as smallest,
            max(cubic_size) as largest
        from {{ source('raw', 'inventory_history') }}
        group by id
    ) as sizes
    left join {{ ref('items') }} as items on sizes.item_id = items.item_id
    where
        sizes.smallest < sizes.largest
        or {{ sizes_disagree('sizes.smallest', 'items.cubic_feet') }}

)

select
    history.item_id,
    history.date,
    history.unit_volume_cuft,
    history.supply + history.prepared as units,
    cast(costs.expected_price as decimal(20, 8)) as day_cost,
    lag(history.unit_volume_cuft) over by_item as size_before
from {{ ref('stg_inventory_history') }} as history
inner join suspects on history.item_id = suspects.item_id
left join {{ ref('storage_cost_daily') }} as costs
    on history.item_id = costs.item_id and history.date = costs.date
where history.unit_volume_cuft is not null and history.date <= (select today from {{ ref('int_account_today') }})
window by_item as (partition by history.item_id, history.warehouse_id order by history.date)
