select
    charge_id,
    payment_id,
    -- A missing type becomes `unknown`, which no rule compares.
    case when trim(charge_type) <> '' then charge_type else 'unknown' end as charge_type,
    description,
    order_id,
    item_id,
    amount,
    quantity,
    volume_cuft,
    start_date,
    end_date,
    billed_date,
    billed_date is not null as is_billed,
    is_removed as is_withdrawn,
    is_amount_unreadable,
    is_order_unreadable and (order_id is null or charge_type is null) as is_order_unreadable,
    created_at
from {{ ref('stg_payment_items') }}
