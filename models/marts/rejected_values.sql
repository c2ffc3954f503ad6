select
    resource,
    key,
    field,
    text,
    reason,
    seen_at,
    closed_at
from {{ ref('stg_rejected_values') }}
