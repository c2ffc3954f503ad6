-- An order counts as charged even if the amount is zero or unknown; a credit alone does not count.
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
    -- An order named only in a charge's text counts as charged. If the text names several, their shares are unknown.
    select
        named.order_id,
        lower(charges.charge_type) as charge_type,
        case when count(*) over (partition by named.charge_id) = 1 then coalesce(charges.amount, 0) else 0 end as amount
    from {{ ref('charges') }} as charges
    inner join {{ ref('int_charge_order_mentions') }} as named on charges.charge_id = named.charge_id
    where not charges.is_withdrawn and coalesce(charges.amount, 0) >= 0
) as charged
group by order_id, charge_type
