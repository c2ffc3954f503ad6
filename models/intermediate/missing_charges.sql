with

charged as (

    select distinct
        order_id,
        lower(charge_type) as charge_type
    from {{ ref('charges') }}
    where not is_withdrawn and amount > 0 and order_id is not null

),

completed as (

    select
        orders.*,
        cast(date_trunc('month', orders.completed_date) as date) as month,
        coalesce(orders.order_type, '') as kind
    from {{ ref('order_facts') }} as orders
    where orders.completed_at is not null and not orders.is_cancelled

),

peers as (

    select distinct
        month,
        kind,
        count(*) over (partition by month) as orders,
        count(*) over (partition by month, kind) as orders_of_kind
    from completed

),

habits as (

    select distinct
        completed.month,
        completed.kind,
        charged.charge_type,
        count(*) over (partition by completed.month, charged.charge_type) as having_it,
        count(*) over (partition by completed.month, completed.kind, charged.charge_type) as of_kind_having_it
    from completed
    inner join charged on completed.order_id = charged.order_id

),

-- The order itself is none of its peers, and does not have the charge; those of its own kind must have it too.
usual as (

    select
        habits.month,
        habits.kind,
        habits.charge_type,
        habits.having_it,
        peers.orders - 1 as peers
    from habits
    inner join peers on habits.month = peers.month and habits.kind = peers.kind
    where
        peers.orders - 1 >= 30 and habits.having_it >= 0.98 * (peers.orders - 1)
        and habits.of_kind_having_it >= 0.98 * (peers.orders_of_kind - 1)

)

select
    completed.order_id,
    usual.charge_type,
    completed.completed_date,
    completed.warehouse_id,
    usual.month,
    usual.peers,
    usual.having_it,
    others.payment_id,
    others.billed_date,
    card.expected
from completed
inner join usual on completed.month = usual.month and completed.kind = usual.kind
cross join {{ ref('account_today') }} as service
inner join (
    select
        order_id,
        max(payment_id) as payment_id,
        max(billed_date) as billed_date
    from {{ ref('charges') }}
    where not is_withdrawn and order_id is not null
    group by order_id
) as others on completed.order_id = others.order_id
left join {{ ref('order_prices') }} as card
    on completed.order_id = card.order_id and usual.charge_type = card.charge_type
left join charged on completed.order_id = charged.order_id and usual.charge_type = charged.charge_type
where
    charged.order_id is null
    and {{ dbt.dateadd('day', 7, 'completed.completed_at') }} <= service.now_at
