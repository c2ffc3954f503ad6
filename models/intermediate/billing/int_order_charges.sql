-- Charged nothing, or an amount that nobody knows, an order is charged all the same; a credit alone is no charge.
select
    order_id,
    charge_type,
    cast(sum(amount) as {{ money_type() }}) as amount
from (
    select
        order_id,
        lower(charge_type) as charge_type,
        coalesce(amount, 0) as amount
    from {{ ref('charges') }}
    where not is_withdrawn and coalesce(amount, 0) >= 0 and order_id is not null
    union all
    -- Named only in its text, an order is charged; where several are, nothing says how much of it is its part.
    select
        named.order_id,
        lower(charges.charge_type) as charge_type,
        case when count(*) over (partition by named.charge_id) = 1 then coalesce(charges.amount, 0) else 0 end as amount
    from {{ ref('charges') }} as charges
    inner join {{ ref('int_charge_order_mentions') }} as named on charges.charge_id = named.charge_id
    where not charges.is_withdrawn and coalesce(charges.amount, 0) >= 0
) as charged
group by order_id, charge_type
