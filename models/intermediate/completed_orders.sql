select
    *,
    cast(date_trunc('month', completed_date) as date) as month,
    -- What goes by weight costs nothing where no weight is known.
    coalesce(order_type, '') || case when weight is null then ', unmeasured' else '' end as kind
from {{ ref('order_facts') }}
where completed_at is not null and not is_cancelled
