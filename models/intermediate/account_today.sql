-- The service's today, by the last receipt; without receipts, by the last charge or order that was read.
select
    coalesce(max(case when is_receipt = 1 then read_at end), max(read_at)) as now_at,
    {{ account_date('coalesce(max(case when is_receipt = 1 then read_at end), max(read_at))') }} as today
from (
    select
        1 as is_receipt,
        max(finished_at) as read_at
    from {{ ref('stg_extract_windows') }}
    union all
    select
        0 as is_receipt,
        max(_seen_at) as read_at
    from {{ source('raw', 'payment_items') }}
    union all
    select
        0 as is_receipt,
        max(_seen_at) as read_at
    from {{ source('raw', 'orders') }}
) as readings
