with

named as (

    select
        charge_id,
        min(order_id) as order_id
    from {{ ref('int_charge_order_mentions') }}
    group by charge_id
    having count(*) = 1

)

select
    charges.charge_id,
    charges.payment_id,
    lower(charges.charge_type) as charge_type,
    -- Who a charge is for: the order (also if only the text names it), else the item, else the account.
    coalesce(
        'order ' || coalesce(charges.order_id, named.order_id), 'item ' || charges.item_id, ''
    ) as party,
    coalesce(charges.order_id, named.order_id) as order_id,
    charges.item_id,
    charges.description,
    charges.quantity,
    charges.start_date,
    charges.end_date,
    abs(charges.amount) as size,
    charges.amount < 0 as is_credit
from {{ ref('charges') }} as charges
left join named on charges.charge_id = named.charge_id
where not charges.is_withdrawn and charges.amount <> 0
