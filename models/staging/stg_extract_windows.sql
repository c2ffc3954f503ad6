with

{{ counted_receipts() }}

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
    coalesce(is_accepted, false) as is_accepted,
    reason
from receipts
where recency = 1
