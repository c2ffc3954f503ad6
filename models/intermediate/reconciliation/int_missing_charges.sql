{#- The number of peers, the share of them that has the type, and how long an order has waited. -#}
{%- set peers, having_share, waiting_days = 30, 0.98, 7 -%}
{%- set charged_date = 'greatest(charges.start_date, ' ~ account_date('charges.created_at') ~ ')' -%}
with

completed as (

    select
        *,
        cast(date_trunc('month', completed_date) as date) as month,
        -- Orders without a known weight or volume are a kind of their own: a price by weight or volume bills nothing
        -- for them.
        coalesce(order_type, 'no order type') || coalesce(', warehouse ' || warehouse_id, '')
        || case when weight is null or volume_cuft is null then ', unmeasured' else '' end as kind
    from {{ ref('int_order_attributes') }}
    where completed_at is not null and not is_cancelled and not is_deleted

),

-- For each type, the days between the completion of an order and its charge, dated by its start date or by the date it
-- was written down.
delayed as (

    select
        charges.order_id,
        lower(charges.charge_type) as charge_type,
        min({{ days_in('completed.completed_date', charged_date) }}) - 1 as days
    from {{ ref('charges') }} as charges
    inner join completed on charges.order_id = completed.order_id
    where not charges.is_withdrawn and coalesce(charges.amount, 0) >= 0
    group by charges.order_id, lower(charges.charge_type)

),

delays as (

    select
        charge_type,
        days
    from (
        select
            charge_type,
            days,
            row_number() over (partition by charge_type order by days desc) as place,
            count(*) over (partition by charge_type) as charges
        from delayed
    ) as ranked
    where place = cast(floor((charges + 1) / 2.0) as bigint)

),

charged as (

    select
        completed.order_id,
        completed.month,
        completed.kind,
        completed.completed_date,
        charges.charge_type,
        charges.amount,
        row_number() over of_kind as place
    from completed
    inner join {{ ref('int_order_charges') }} as charges on completed.order_id = charges.order_id
    where charges.charge_type <> 'unknown'
    window of_kind as (
        partition by completed.month, completed.kind, charges.charge_type
        order by charges.amount, completed.order_id
    )

),

habits as (

    select
        month,
        kind,
        charge_type,
        count(*) as having_it,
        max(completed_date) as last_date
    from charged
    group by month, kind, charge_type

),

kinds as (

    select
        month,
        kind,
        count(*) as orders
    from completed
    group by month, kind

),

-- Do not count the order itself among its peers.
usual as (

    select
        habits.*,
        kinds.orders - 1 as peers,
        charged.amount as median_amount
    from habits
    inner join kinds on habits.month = kinds.month and habits.kind = kinds.kind
    inner join charged
        on
            habits.month = charged.month and habits.kind = charged.kind and habits.charge_type = charged.charge_type
            and charged.place = cast(floor((habits.having_it + 1) / 2.0) as bigint)
    where kinds.orders - 1 >= {{ peers }} and habits.having_it >= {{ having_share }} * (kinds.orders - 1)

),

others as (

    select
        order_id,
        max(payment_id) as payment_id,
        max(billed_date) as billed_date,
        -- A charge without a type may be the missing one.
        max(case when charge_type = 'unknown' then 1 else 0 end) as untyped
    from {{ ref('charges') }}
    where not is_withdrawn and order_id is not null
    group by order_id

),

-- A charge whose order or type could not be read may be the missing one, too.
unreadable as (

    select distinct charge_type
    from {{ ref('charges') }}
    where not is_withdrawn and is_order_unreadable

),

-- So may a charge without an order, if it has the type (or none) and its days fall within the order's.
unassigned as (

    select distinct
        lower(charges.charge_type) as charge_type,
        charges.start_date,
        coalesce(charges.end_date, charges.start_date) as end_date
    from {{ ref('charges') }} as charges
    where
        charges.order_id is null and charges.item_id is null and not charges.is_withdrawn
        and coalesce(charges.amount, 0) >= 0 and charges.start_date is not null
        and charges.charge_id not in (select named.charge_id from {{ ref('int_charge_order_mentions') }} as named)

),

missing as (

    select
        completed.*,
        usual.charge_type,
        usual.peers,
        usual.having_it,
        usual.median_amount,
        others.payment_id,
        others.billed_date
    from completed
    inner join usual on completed.month = usual.month and completed.kind = usual.kind
    cross join {{ ref('int_account_today') }} as service
    inner join others on completed.order_id = others.order_id
    left join delays on usual.charge_type = delays.charge_type
    left join {{ ref('int_order_charges') }} as own
        on completed.order_id = own.order_id and usual.charge_type = own.charge_type
    where
        own.order_id is null
        and others.untyped = 0
        and {{ days_in('completed.completed_date', 'service.today') }} > {{ waiting_days + 1 }}
        -- The charge may still arrive if half of its type took longer, or if no later order of the same kind has it
        -- yet.
        and coalesce({{ days_in('completed.completed_date', 'service.today') }} > delays.days, true)
        and usual.last_date >= completed.completed_date
        and not exists (
            select 1 from unreadable
            where unreadable.charge_type = 'unknown' or unreadable.charge_type = usual.charge_type
        )

)

select
    missing.order_id,
    missing.charge_type,
    missing.completed_date,
    missing.warehouse_id,
    missing.kind,
    missing.month,
    missing.peers,
    missing.having_it,
    missing.median_amount,
    missing.payment_id,
    missing.billed_date,
    -- Without a price, use the median of the peers.
    coalesce({{ rounded_money('prices.expected') }}, missing.median_amount) as expected
from missing
left join {{ ref('charge_prices') }} as prices
    on
        prices.charge_id is null and missing.order_id = prices.order_id
        and missing.charge_type = prices.charge_type
where
    -- Skip charges with an expected amount of zero.
    coalesce({{ rounded_money('prices.expected') }}, 1) <> 0
    and not exists (
        select 1 from unassigned
        where
            unassigned.charge_type in (missing.charge_type, 'unknown')
            and unassigned.end_date >= missing.created_date and unassigned.start_date <= missing.completed_date
            -- A charge for a whole period does not belong to one order.
            and {{ days_in('unassigned.start_date', 'unassigned.end_date') }} <= 3
    )
