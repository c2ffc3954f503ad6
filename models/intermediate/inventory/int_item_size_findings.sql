-- Compare sizes by their effect on the price: an extra cubic foot costs its rate for each unit and day.
with

-- Find candidates in the raw table first, because nearly all items keep their size.
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

),

-- One row per item, warehouse and day.
size_days as (

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

),

changes as (

    select
        *,
        row_number() over (partition by item_id order by date) as place,
        row_number() over (partition by item_id order by date desc) as place_from_end
    from size_days
    where abs(unit_volume_cuft - size_before) > 0.001 * size_before + 0.0001

),

-- An item may change its size more than once, or change it back: compare the size before the first change with the last
-- one.
spans as (

    select
        item_id,
        min(date) as start_date,
        max(date) as end_date,
        count(*) as occurrences,
        max(case when place = 1 then size_before end) as size_before,
        max(case when place_from_end = 1 then unit_volume_cuft end) as size_after
    from changes
    group by item_id

),

-- The extra cost, or saving, of all days since the first change compared with the size before it.
changed as (

    select
        spans.item_id,
        spans.start_date,
        spans.end_date,
        spans.occurrences,
        spans.size_before,
        spans.size_after,
        sum({{ cost_above_size('days', 'spans.size_before') }}) as amount
    from spans
    inner join size_days as days on spans.item_id = days.item_id and spans.start_date <= days.date
    group by
        spans.item_id, spans.start_date, spans.end_date, spans.occurrences, spans.size_before, spans.size_after

),

disagreeing as (

    select
        days.item_id,
        max(items.cubic_feet) as listed_size,
        max(days.unit_volume_cuft) as priced_size,
        count(*) as occurrences,
        min(days.date) as start_date,
        max(days.date) as end_date,
        sum({{ cost_above_size('days', 'items.cubic_feet') }}) as amount
    from size_days as days
    inner join {{ ref('items') }} as items on days.item_id = items.item_id
    where
        not items.is_deleted and days.units > 0
        and {{ sizes_disagree('days.unit_volume_cuft', 'items.cubic_feet') }}
        -- Sizes that changed are a separate finding.
        and days.item_id not in (select changed.item_id from changed)
    group by days.item_id

)

select
    {{ finding(
        'item_size_changed', 'item_id',
        "'Item ' || item_id || ' is priced at ' || " ~ number_text('size_after') ~ " || ' cubic feet since ' || end_date || '"
        ~ ", before' || case when occurrences > 1 then ' ' || start_date else '' end || ' at ' || "
        ~ number_text('size_before') ~ " || case when occurrences > 1 then ', and at others between' else '' end || '.'",
        {'item_id': ['item_id'], 'first_change': 'start_date', 'since': 'end_date',
        'size_before': [number_text('size_before')], 'size_after': [number_text('size_after')], 'changes': ['occurrences']},
        {'item_id': 'item_id', 'start_date': 'start_date', 'end_date': 'end_date',
        'occurrences': 'occurrences', 'amount': 'amount'}
    ) }}
from changed
union all
select
    {{ finding(
        'item_size_disagrees', 'item_id',
        "'Item ' || item_id || ' measures ' || " ~ number_text('listed_size')
        ~ " || ' cubic feet and is priced at ' || " ~ number_text('priced_size') ~ " || '.'",
        {'item_id': ['item_id'], 'listed_size': [number_text('listed_size')], 'priced_size': [number_text('priced_size')], 'days': ['occurrences']},
        {'item_id': 'item_id', 'start_date': 'start_date', 'end_date': 'end_date', 'occurrences': 'occurrences',
        'amount': 'amount'}
    ) }}
from disagreeing
