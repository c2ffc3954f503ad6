-- An item may change its size more than once, or go back: told are the size before the first change, the one that
-- stands, and what all days since cost more or less than they would have at the size before.
with

changes as (

    select
        *,
        row_number() over (partition by item_id order by date) as place,
        row_number() over (partition by item_id order by date desc) as place_from_end
    from {{ ref('int_item_size_days') }}
    where abs(unit_volume_cuft - size_before) > 0.001 * size_before + 0.0001

),

changed as (

    select
        item_id,
        min(date) as start_date,
        max(date) as end_date,
        count(*) as occurrences,
        max(case when place = 1 then size_before end) as size_before,
        max(case when place_from_end = 1 then unit_volume_cuft end) as size_after
    from changes
    group by item_id

)

select
    changed.item_id,
    changed.start_date,
    changed.end_date,
    changed.occurrences,
    changed.size_before,
    changed.size_after,
    sum({{ cost_above_size('days', 'changed.size_before') }}) as amount
from changed
inner join {{ ref('int_item_size_days') }} as days on changed.item_id = days.item_id and changed.start_date <= days.date
group by
    changed.item_id, changed.start_date, changed.end_date, changed.occurrences, changed.size_before, changed.size_after
