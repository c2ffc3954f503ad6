{%- set raw = source('raw', 'extract_windows') -%}
with

receipts as (

    select
        receipts.*,
        row_number() over (
            partition by receipts.window_id, receipts.run_id
            order by receipts.finished_at desc, receipts._dlt_load_id desc
        ) as recency
    from {{ raw }} as receipts
    -- A receipt counts only when the load that brought it, and its rows, was finished.
    inner join {{ source('raw', '_dlt_loads') }} as loads
        on receipts._dlt_load_id = loads.load_id and loads.status = 0

)

select
    window_id,
    run_id,
    resource,
    filter as filtered_by,
    window_start,
    window_end,
    total_announced,
    rows_read,
    distinct_keys,
    rows_new,
    rows_changed,
    rows_removed,
    requests,
    bytes,
    started_at,
    finished_at,
    is_complete,
    is_confirmed,
    {{ 'coalesce(is_accepted, false)' if 'is_accepted' in column_names(raw) else 'false' }} as is_accepted,
    reason
from receipts
where recency = 1
