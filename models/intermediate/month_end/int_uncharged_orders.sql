{#- Types that this share of orders has are expected for each order; other types at their average cost per order. -#}
{%- set usual_share, orders_compared, orders_of_zone, base_days = 0.98, 30, 10, 31 -%}
{%- set charged_date = 'greatest(coalesce(charges.start_date, charges.billed_date), ' ~ account_date('charges.created_at') ~ ')' -%}
with

shipped as (

    select
        orders.order_id,
        orders.shipped_date,
        orders.zone,
        period.start_date,
        period.today,
        orders.shipped_date >= period.start_date as is_open,
        row_number() over (
            partition by orders.shipped_date >= period.start_date order by orders.shipped_date desc, orders.order_id
        ) as recency
    from {{ ref('int_order_attributes') }} as orders
    cross join {{ ref('int_open_period') }} as period
    where
        orders.shipped_date >= {{ dbt.dateadd('day', -90, 'period.start_date') }} and not orders.is_cancelled
        and not orders.is_deleted
        and orders.shipped_date <= period.today

),

charged as (

    select
        shipped.*,
        charges.charge_type,
        charges.amount
    from shipped
    inner join {{ ref('int_order_charges') }} as charges on shipped.order_id = charges.order_id

),

-- The delay after which nearly all charges of a type have arrived: since the order shipped, and since the day that the
-- charge is for. (A return on a later day has cost nothing yet.)
delays as (

    select
        charge_type,
        max(case when days_place = nearly_all then days end) as days,
        max(case when own_place = nearly_all then own_days end) as own_days
    from (
        select
            *,
            row_number() over (partition by charge_type order by days) as days_place,
            row_number() over (partition by charge_type order by own_days) as own_place,
            cast(ceiling({{ usual_share }} * count(*) over (partition by charge_type)) as bigint) as nearly_all
        from (
            select
                lower(charges.charge_type) as charge_type,
                cast({{ days_in('shipped.shipped_date', charged_date) }} - 1 as integer) as days,
                cast({{ days_in('greatest(shipped.shipped_date, coalesce(charges.start_date, shipped.shipped_date))',
                    charged_date) }} - 1 as integer) as own_days
            from shipped
            inner join {{ ref('charges') }} as charges on shipped.order_id = charges.order_id
            where not charges.is_withdrawn and charges.amount > 0
        ) as delayed
        where days is not null
    ) as ranked
    group by charge_type

),

-- The latest orders that can be judged: a month of them, or enough to compare. For a type that arrives late, the orders
-- whose charge is already due.
closed as (

    select
        types.charge_type,
        types.days,
        types.own_days,
        shipped.order_id,
        shipped.shipped_date,
        shipped.zone,
        charged.amount
    from (
        select distinct
            charged.charge_type,
            coalesce(delays.days, 0) as days,
            coalesce(delays.own_days, 0) as own_days
        from charged
        left join delays on charged.charge_type = delays.charge_type
    ) as types
    inner join shipped
        on
            not shipped.is_open and shipped.shipped_date <= {{ days_after('shipped.today', '0 - types.days') }}
            and (
                shipped.recency <= {{ orders_compared }}
                or shipped.shipped_date >= {{ days_after('shipped.start_date', '0 - ' ~ base_days ~ ' - types.days') }}
            )
    left join charged on shipped.order_id = charged.order_id and types.charge_type = charged.charge_type

),

-- Whether a charge applies may depend on the destination, as duties do. Use a zone's own share only if it has enough
-- orders, otherwise the share of all zones.
zones as (

    select
        charge_type,
        zone,
        elsewhere,
        case
            when orders < {{ orders_of_zone }} then elsewhere
            when orders_having_it = 0 then 'none'
            when orders_having_it >= {{ usual_share }} * orders then 'all'
            else elsewhere
        end as having_it
    from (
        select
            charge_type,
            zone,
            count(*) as orders,
            count(amount) as orders_having_it,
            case
                when sum(count(amount)) over (partition by charge_type)
                    >= {{ usual_share }} * sum(count(*)) over (partition by charge_type) then 'all'
                else 'some'
            end as elsewhere
        from closed
        group by charge_type, zone
    ) as counted

),

base as (

    select
        closed.charge_type,
        zones.having_it,
        max(zones.elsewhere) as elsewhere,
        count(*) as orders,
        count(closed.amount) as orders_having_it,
        coalesce(sum(closed.amount), 0) as amount,
        max(closed.shipped_date) as last_date,
        max(case when closed.amount is not null then closed.shipped_date end) as last_charged,
        max(closed.days) as days,
        max(closed.own_days) as own_days
    from closed
    inner join zones on closed.charge_type = zones.charge_type and closed.zone = zones.zone
    group by closed.charge_type, zones.having_it

),

-- Do not expect a price that has ended, such as a promotion or a seasonal surcharge.
expected_types as (

    select
        charge_type,
        having_it,
        elsewhere,
        orders,
        orders_having_it,
        amount,
        is_usual,
        case when is_usual then days else own_days end as delay
    from (
        select
            *,
            orders_having_it >= {{ usual_share }} * orders and orders >= {{ orders_compared }} as is_usual
        from base
    ) as groups
    where orders_having_it >= 3 and last_charged >= {{ dbt.dateadd('day', -7, 'last_date') }}

),

medians as (

    select
        charge_type,
        amount
    from (
        select
            charge_type,
            amount,
            row_number() over (partition by charge_type order by amount, order_id) as place,
            count(*) over (partition by charge_type) as charges
        from closed
        where amount is not null
    ) as ranked
    where place = cast(floor((charges + 1) / 2.0) as bigint)

),

-- Orders that may still be charged for the type: the delay has not passed, or the order has no charge at all.
awaited as (

    select
        shipped.order_id,
        shipped.shipped_date,
        types.charge_type,
        types.is_usual,
        -- Once an order is charged, subtract the average of charged orders instead of its own amount.
        cast(types.amount / types.orders as decimal(18, 6))
        - case when own.amount is null then 0 else cast(types.amount / types.orders_having_it as decimal(18, 6)) end as to_come,
        own.amount
    from expected_types as types
    inner join shipped
        on shipped.is_open or shipped.shipped_date > {{ days_after('shipped.today', '0 - types.delay') }}
    left join zones on types.charge_type = zones.charge_type and shipped.zone = zones.zone
    left join charged as own on shipped.order_id = own.order_id and types.charge_type = own.charge_type
    left join (select distinct charged.order_id from charged) as any_charge on shipped.order_id = any_charge.order_id
    where
        types.having_it = coalesce(zones.having_it, types.elsewhere)
        and (
            types.is_usual or any_charge.order_id is null
            or shipped.shipped_date > {{ days_after('shipped.today', '0 - types.delay') }}
        )

)

select
    awaited.order_id,
    awaited.shipped_date,
    awaited.charge_type,
    cast(1 as bigint) as orders,
    -- Without a learned price, use the median of such orders.
    coalesce({{ rounded_money('prices.expected') }}, medians.amount) as expected,
    prices.expected is not null as is_priced
from awaited
left join medians on awaited.charge_type = medians.charge_type
left join {{ ref('charge_prices') }} as prices
    on prices.charge_id is null and awaited.order_id = prices.order_id and awaited.charge_type = prices.charge_type
where awaited.is_usual and awaited.amount is null
union all
select
    cast(null as bigint) as order_id,
    max(shipped_date) as shipped_date,
    charge_type,
    count(*) as orders,
    {{ rounded_money('sum(to_come)') }} as expected,
    false as is_priced
from awaited
where not is_usual
group by charge_type
having sum(to_come) >= {{ minor_unit() }}
