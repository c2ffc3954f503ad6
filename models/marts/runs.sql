{{ config(materialized='view') }}

with

lines as (

    {{ journal('runs', {
        'event_id': 'varchar',
        'started_at': 'timestamp with time zone',
        'ended_at': 'timestamp with time zone',
        'service_time': 'timestamp with time zone',
        'outcome': 'varchar',
        'error': 'varchar',
        'rows_new': 'bigint',
        'rows_changed': 'bigint',
        'rows_removed': 'bigint',
        'incomplete_windows': 'bigint',
        'requests': 'bigint',
        'retries': 'bigint',
        'bytes': 'bigint',
        'load_seconds': 'double precision',
        'build_seconds': 'double precision',
        'publish_seconds': 'double precision',
        'peak_memory_mb': 'double precision',
    }) | indent(4) }}

)

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
from lines
where started_at is not null
