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
        or abs(sizes.smallest - items.cubic_feet) > 0.01 * items.cubic_feet + 0.0001

),

days as (

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
    where history.unit_volume_cuft is not null
    window by_item as (partition by history.item_id, history.warehouse_id order by history.date)

),

changed as (

    select
        item_id,
        min(date) as start_date,
        max(date) as end_date,
        count(*) as occurrences,
        min(size_before) as size_before,
        max(unit_volume_cuft) as size_after
    from days
    where abs(unit_volume_cuft - size_before) > 0.001 * size_before + 0.0001
    group by item_id

),

costs_since as (

    select
        changed.item_id,
        -- What the days since the change cost more or less than at the size before.
        sum(days.day_cost - {{ rounded_quotient(
            'days.day_cost * cast(changed.size_before as decimal(14, 6))', 'cast(days.unit_volume_cuft as decimal(14, 6))', 8
        ) }}) as amount
    from changed
    inner join days on changed.item_id = days.item_id and changed.start_date <= days.date
    group by changed.item_id

),

disagreeing as (

    select
        days.item_id,
        items.sku,
        max(items.cubic_feet) as listed_size,
        max(days.unit_volume_cuft) as priced_size,
        count(*) as occurrences,
        min(days.date) as start_date,
        max(days.date) as end_date,
        sum(days.day_cost - {{ rounded_quotient(
            'days.day_cost * cast(items.cubic_feet as decimal(14, 6))', 'cast(days.unit_volume_cuft as decimal(14, 6))', 8
        ) }}) as amount
    from days
    inner join {{ ref('items') }} as items on days.item_id = items.item_id
    where
        not items.is_deleted and days.units > 0
        and abs(days.unit_volume_cuft - items.cubic_feet) > 0.01 * items.cubic_feet + 0.0001
        -- A size that changed is another finding.
        and days.item_id not in (select changed.item_id from changed)
    group by days.item_id, items.sku

)

select
    {{ finding(
        'item_size_changed', 'changed.item_id',
        "'Item ' || changed.item_id || ' is priced at ' || " ~ number_text("changed.size_after") ~ ""
        ~ " || ' cubic feet since ' || changed.start_date || ', before at '"
        ~ " || " ~ number_text("changed.size_before") ~ " || '.'",
        {'item_id': ['changed.item_id'], 'since': 'changed.start_date', 'size_before': [number_text('changed.size_before')],
        'size_after': [number_text('changed.size_after')], 'changes': ['changed.occurrences']},
        {'item_id': 'changed.item_id', 'start_date': 'changed.start_date', 'end_date': 'changed.end_date',
        'occurrences': 'changed.occurrences', 'amount': 'costs_since.amount'}
    ) }}
from changed
inner join costs_since on changed.item_id = costs_since.item_id
union all
select
    {{ finding(
        'item_size_disagrees', 'item_id',
        "'Item ' || item_id || ' measures ' || " ~ number_text("listed_size") ~ ""
        ~ " || ' cubic feet and is priced at ' || " ~ number_text("priced_size") ~ " || '.'",
        {'item_id': ['item_id'], 'listed_size': [number_text('listed_size')], 'priced_size': [number_text('priced_size')], 'days': ['occurrences']},
        {'item_id': 'item_id', 'start_date': 'start_date', 'end_date': 'end_date', 'occurrences': 'occurrences',
        'amount': 'amount'}
    ) }}
from disagreeing
