select
    charge_id,
    payment_id,
    lower(coalesce(charge_type, '')) as charge_type,
    -- Whom it is for: the order, else the item, else the account.
    coalesce('order ' || order_id, 'item ' || item_id, '') as party,
    item_id,
    start_date,
    end_date,
    abs(amount) as size,
    amount < 0 as is_credit
from {{ ref('charges') }}
where not is_withdrawn and amount <> 0
