with

charged as (

    select * from {{ ref('order_charges') }}

),

others as (

    select
        order_id,
        max(payment_id) as payment_id,
        max(billed_date) as billed_date
    from {{ ref('charges') }}
    where not is_withdrawn and order_id is not null
    group by order_id

),

-- A charge whose order or type could not be read may be the one that is missed.
unreadable as (

    select distinct charge_type
    from {{ ref('charges') }}
    where not is_withdrawn and is_order_unreadable

)

select
    completed.order_id,
    usual.charge_type,
    completed.completed_date,
    completed.warehouse_id,
    usual.month,
    usual.peers,
    usual.having_it,
    usual.median_amount,
    others.payment_id,
    others.billed_date,
    -- Where the rate card is silent, what half of the peers pay at most.
    coalesce(card.expected, usual.median_amount) as expected
from {{ ref('completed_orders') }} as completed
inner join {{ ref('charge_habits') }} as usual on completed.month = usual.month and completed.kind = usual.kind
cross join {{ ref('account_today') }} as service
inner join others on completed.order_id = others.order_id
left join {{ ref('order_prices') }} as card
    on completed.order_id = card.order_id and usual.charge_type = card.charge_type
left join {{ ref('charge_delays') }} as delays on usual.charge_type = delays.charge_type
left join charged on completed.order_id = charged.order_id and usual.charge_type = charged.charge_type
where
    charged.order_id is null
    and not exists (
        select 1 from unreadable
        where unreadable.charge_type is null or unreadable.charge_type = usual.charge_type
    )
    -- What costs nothing by the rate card is not missed.
    and coalesce(card.expected, 1) <> 0
    and {{ dbt.dateadd('day', 7, 'completed.completed_at') }} <= service.now_at
    -- As late as others of its type came, it may still come.
    and coalesce({{ days_in('completed.completed_date', 'service.today') }} > delays.days + 1, true)
