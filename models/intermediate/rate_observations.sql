select
    charges.charge_id,
    lower(charges.charge_type) as charge_type,
    charges.date,
    least(charges.date, coalesce(orders.created_date, charges.date)) as ordered_date,
    {{ rate_place_columns('orders') }},
    cast(charges.amount as decimal(18, 4)) as amount,
    cast(charges.amount - coalesce(settlements.credited, 0) as decimal(18, 4)) as net_amount,
    orders.order_id is not null as has_order,
    cast(orders.lines as decimal(18, 4)) as lines,
    orders.units,
    cast(ceiling(orders.weight) as decimal(18, 4)) as started_weight,
    orders.weight,
    cast(ceiling(orders.volume_cuft) as decimal(18, 4)) as started_volume,
    orders.volume_cuft as volume,
    cast(charges.quantity as decimal(18, 4)) as quantity
from (
    -- A charge that does not say its days is of the day on which it was written down, or else billed.
    select
        *,
        coalesce(start_date, end_date, {{ account_date('created_at') }}, billed_date) as date
    from {{ ref('charges') }}
) as charges
left join {{ ref('charge_settlements') }} as settlements on charges.charge_id = settlements.charge_id
left join {{ ref('order_facts') }} as orders on charges.order_id = orders.order_id
where
    not charges.is_withdrawn
    and charges.amount > 0
    and charges.date is not null
    and lower(charges.charge_type) <> 'storage'
    and settlements.settled_by is null and settlements.duplicate_of is null and settlements.replaces is null
    -- One-off work, which names neither an order nor an item, has no rate.
    and case
        when charges.order_id is null then charges.item_id is not null
        else orders.order_id is not null and not orders.is_cancelled
    end
