-- Charged nothing, or an amount that nobody knows, an order is charged all the same; a credit alone is no charge.
select
    order_id,
    lower(charge_type) as charge_type,
    cast(sum(coalesce(amount, 0)) as {{ money_type() }}) as amount
from {{ ref('charges') }}
where not is_withdrawn and coalesce(amount, 0) >= 0 and order_id is not null
group by order_id, lower(charge_type)
