with

disagreeing as (

    select
        days.item_id,
        max(items.cubic_feet) as listed_size,
        max(days.unit_volume_cuft) as priced_size,
        count(*) as occurrences,
        min(days.date) as start_date,
        max(days.date) as end_date,
        sum({{ cost_above_size('days', 'items.cubic_feet') }}) as amount
    from {{ ref('int_item_size_days') }} as days
    inner join {{ ref('items') }} as items on days.item_id = items.item_id
    where
        not items.is_deleted and days.units > 0
        and {{ sizes_disagree('days.unit_volume_cuft', 'items.cubic_feet') }}
        -- A size that changed is another finding.
        and days.item_id not in (select item_id from {{ ref('int_item_size_changes') }})
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
from {{ ref('int_item_size_changes') }}
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
