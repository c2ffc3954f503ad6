with

versions as (

    select
        *,
        row_number() over (
            partition by event_id order by _seen_at desc, attempts desc nulls last, _dlt_load_id desc
        ) as recency
    from {{ source('raw', 'order_events') }}

)

select
    event_id,
    order_id,
    topic,
    occurred_at,
    received_at,
    api_version,
    is_known_version,
    topic_mismatch,
    body,
    outcome,
    attempts,
    reason,
    _seen_at as seen_at
from versions
where recency = 1
