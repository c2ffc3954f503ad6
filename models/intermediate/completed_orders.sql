select
    *,
    cast(date_trunc('month', completed_date) as date) as month,
    coalesce(order_type, '') as kind
from {{ ref('order_facts') }}
where completed_at is not null and not is_cancelled
