with

changed as (

    select
        item_id,
        min(date) as start_date,
        max(date) as end_date,
        count(*) as occurrences,
        min(size_before) as size_before,
        max(unit_volume_cuft) as size_after
    from {{ ref('item_size_days') }}
    where abs(unit_volume_cuft - size_before) > 0.001 * size_before + 0.0001
    group by item_id

)

select
    changed.item_id,
    changed.start_date,
    changed.end_date,
    changed.occurrences,
    changed.size_before,
    changed.size_after,
    -- What the days since the change cost more or less than at the size before.
    sum({{ cost_above_size('days', 'changed.size_before') }}) as amount
from changed
inner join {{ ref('item_size_days') }} as days on changed.item_id = days.item_id and changed.start_date <= days.date
group by
    changed.item_id, changed.start_date, changed.end_date, changed.occurrences, changed.size_before, changed.size_after
