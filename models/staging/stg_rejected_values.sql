with

versions as (

    select distinct
        resource,
        key,
        field,
        text,
        reason,
        _seen_at as seen_at,
        _is_removed as is_removed
    from {{ source('raw', 'rejected_values') }}

),

-- An entry that was closed and opened again is dated from its last opening.
dated as (

    select
        *,
        max(case when is_removed then seen_at end) over (
            partition by resource, key, field
            order by seen_at
            rows between unbounded preceding and 1 preceding
        ) as closed_before,
        row_number() over (partition by resource, key, field order by seen_at desc) as recency
    from versions

),

episodes as (

    select
        *,
        min(seen_at) over (partition by resource, key, field, closed_before) as first_seen_at
    from dated

)

select
    resource,
    key,
    field,
    text,
    reason,
    first_seen_at as seen_at,
    case when is_removed then seen_at end as closed_at
from episodes
where recency = 1
