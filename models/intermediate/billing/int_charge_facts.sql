-- The input of price learning: each charge except storage, with every fact that its price may depend on.
-- An order also gets a row without a charge for each type that half of its peers have (same kind, or same destination),
-- so that the price of the missing charge can be computed.
{%- set measures = ['units', 'lines', 'weight', 'volume', 'value', 'heaviest_item', 'longest_side'] %}
{#- A region with fewer orders does not show what its next order will be charged. -#}
{%- set orders_of_region = 10 %}
with

orders as (

    select
        order_id,
        is_cancelled,
        is_deleted,
        coalesce(order_type, '') as order_type,
        coalesce({{ text('warehouse_id') }}, '') as warehouse,
        zone as region,
        item_class,
        created_date,
        shipped_date,
        units,
        cast(lines as decimal(18, 4)) as lines,
        weight,
        volume_cuft as volume,
        value,
        heaviest_item,
        longest_side
    from {{ ref('int_order_attributes') }}

),

dated as (

    select
        charges.charge_id,
        -- Group charges without a type by their text.
        nullif(lower(charges.charge_type), 'unknown') as charge_type,
        charges.description,
        charges.amount,
        charges.quantity,
        charges.item_id,
        -- A charge without days is dated when it was written down, or else when it was billed.
        coalesce(
            charges.start_date, charges.end_date, {{ account_date('charges.created_at') }}, charges.billed_date
        ) as charge_date,
        charges.billed_date,
        coalesce(charges.order_id, parties.order_id) as order_id,
        settlements.settled_by,
        settlements.duplicate_of,
        settlements.replaces,
        settlements.credited
    from {{ ref('charges') }} as charges
    left join {{ ref('int_charge_parties') }} as parties on charges.charge_id = parties.charge_id
    left join {{ ref('int_charge_settlements') }} as settlements on charges.charge_id = settlements.charge_id
    where
        not charges.is_withdrawn and lower(charges.charge_type) <> 'storage'
        and (lower(charges.charge_type) <> 'unknown' or charges.description is not null)

),

charged as (

    select
        dated.charge_id,
        dated.charge_type,
        dated.description,
        dated.amount,
        dated.quantity,
        dated.charge_date,
        dated.billed_date,
        dated.order_id,
        case
            when dated.duplicate_of is not null then 'duplicate of ' || dated.duplicate_of
            when dated.replaces is not null then 'billed again'
            when dated.settled_by is not null or dated.credited > 0 then 'credited'
            when orders.is_cancelled then 'cancelled order'
            when dated.order_id is not null and orders.order_id is null then 'unknown order'
            -- One-off work: charges that name neither an order nor an item, in a type whose other charges do.
            when
                dated.order_id is null and dated.item_id is null
                and 2 * count(coalesce(dated.order_id, dated.item_id)) over types > count(*) over types
                then 'one-off work'
        end as set_aside
    from dated
    left join orders on dated.order_id = orders.order_id
    window types as (partition by dated.charge_type)

),

-- Count a month's orders by the days of their charges, as the biller does: the ship date is often known only later.
charged_days as (

    select
        charged.order_id,
        min(charged.charge_date) as first_date,
        min(charged.charge_id) as first_charge_id
    from charged
    inner join orders on charged.order_id = orders.order_id
    where not orders.is_cancelled
    group by charged.order_id

),

month_volumes as (

    select
        order_id,
        row_number() over (
            partition by date_trunc('month', first_date) order by first_date, first_charge_id
        ) as month_rank,
        count(*) over (partition by date_trunc('month', first_date)) as month_orders
    from charged_days

),

kinds as (

    select
        order_type,
        warehouse,
        region,
        count(*) as orders,
        sum(count(*)) over (partition by order_type, warehouse) as orders_of_kind
    from orders
    where shipped_date is not null and not is_cancelled and not is_deleted
    group by order_type, warehouse, region

),

types_of_kinds as (

    select
        orders.order_type,
        orders.warehouse,
        orders.region,
        own.charge_type,
        count(*) as orders
    from {{ ref('int_order_charges') }} as own
    inner join orders on own.order_id = orders.order_id
    where
        orders.shipped_date is not null and not orders.is_cancelled and not orders.is_deleted
        and own.charge_type not in ('storage', 'unknown')
    group by orders.order_type, orders.warehouse, orders.region, own.charge_type

),

usual as (

    select
        kinds.order_type,
        kinds.warehouse,
        kinds.region,
        types.charge_type
    from kinds
    inner join (
        select
            order_type,
            warehouse,
            charge_type,
            sum(orders) as orders
        from types_of_kinds
        group by order_type, warehouse, charge_type
    ) as types on kinds.order_type = types.order_type and kinds.warehouse = types.warehouse
    left join types_of_kinds as own
        on
            kinds.order_type = own.order_type and kinds.warehouse = own.warehouse and kinds.region = own.region
            and types.charge_type = own.charge_type
    where
        2 * types.orders >= kinds.orders_of_kind
        or (2 * own.orders >= kinds.orders and kinds.orders >= {{ orders_of_region }})

),

lacking as (

    select
        orders.order_id,
        orders.shipped_date,
        usual.charge_type
    from orders
    inner join usual
        on orders.order_type = usual.order_type and orders.warehouse = usual.warehouse and orders.region = usual.region
    left join {{ ref('int_order_charges') }} as own
        on orders.order_id = own.order_id and usual.charge_type = own.charge_type
    where
        orders.shipped_date is not null and not orders.is_cancelled and not orders.is_deleted
        and own.order_id is null

),

facts as (

    select * from charged
    union all
    select
        cast(null as bigint) as charge_id,
        charge_type,
        cast(null as {{ column_type('varchar') }}) as description,
        null as amount,
        null as quantity,
        shipped_date as charge_date,
        cast(null as date) as billed_date,
        order_id,
        cast(null as {{ column_type('varchar') }}) as set_aside
    from lacking

)

select
    facts.charge_id,
    facts.charge_type,
    facts.description,
    cast(facts.amount as decimal(38, 4)) as amount,
    facts.order_id,
    facts.set_aside,
    facts.charge_date,
    orders.shipped_date,
    orders.created_date as ordered_date,
    facts.billed_date,
    cast(facts.quantity as decimal(38, 4)) as quantity,
    {%- for name in measures %}
    cast(orders.{{ name }} as decimal(38, 4)) as {{ name }},
    {%- endfor %}
    cast(month_volumes.month_rank as decimal(38, 4)) as month_rank,
    cast(month_volumes.month_orders as decimal(38, 4)) as month_orders,
    orders.order_type,
    orders.warehouse,
    orders.region,
    orders.item_class
from facts
left join orders on facts.order_id = orders.order_id
left join month_volumes on facts.order_id = month_volumes.order_id
