-- The service's today: the day of the last receipt or, without receipts, of the last record read.
{%- set now_at = 'coalesce(max(case when is_receipt = 1 then read_at end), max(read_at))' %}
with

{{ counted_receipts() }}

select
    {{ account_date(now_at) }} as today,
    {{ account_midnight(day_after(account_date(now_at))) }} as ends_at
from (
    select
        1 as is_receipt,
        max(finished_at) as read_at
    from receipts
    where recency = 1
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
    union all
    select
        0 as is_receipt,
        max(_seen_at) as read_at
    from {{ source('raw', 'item_quantities') }}
    union all
    select
        0 as is_receipt,
        max(_seen_at) as read_at
    from {{ source('raw', 'inventory_history') }}
) as readings
