select
    *,
    cast(date_trunc('month', completed_date) as date) as month,
    -- What goes by weight or volume costs nothing where none is known.
    coalesce(order_type, '') || case when weight is null or volume_cuft is null then ', unmeasured' else '' end as kind
from {{ ref('order_facts') }}
where completed_at is not null and not is_cancelled and not is_deleted
