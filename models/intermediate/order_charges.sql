select
    order_id,
    lower(charge_type) as charge_type,
    cast(sum(amount) as decimal(18, 2)) as amount
from {{ ref('charges') }}
where not is_withdrawn and amount > 0 and order_id is not null
group by order_id, lower(charge_type)
