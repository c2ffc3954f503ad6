{{ config(materialized='view') }}

select
    event_id as run_id,
    started_at,
    ended_at,
    service_time,
    outcome,
    error,
    rows_new,
    rows_changed,
    rows_removed,
    incomplete_windows,
    requests,
    retries,
    bytes,
    load_seconds,
    build_seconds,
    publish_seconds,
    peak_memory_mb
from {{ source('raw', 'runs') }}
where started_at is not null
