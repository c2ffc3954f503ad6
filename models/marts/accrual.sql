with

unbilled as (

    select
        'unbilled-charge-' || charge_id as accrual_id,
        'unbilled' as kind,
        charge_type,
        charge_id,
        order_id,
        item_id,
        start_date,
        end_date,
        case
            when days_passed < days
                then {{ rounded_money('cast(amount as decimal(38, 10)) * greatest(days_passed, 0) / days') }}
            else cast(amount as {{ money_type() }})
        end as amount,
        case
            when is_amount_unreadable then 'Charged, not billed yet; its amount could not be read.'
            when days_passed < days
                then 'Charged, not billed yet; '
                    || case when days_passed > 0 then {{ text('days_passed') }} else 'none' end
                    || ' of its ' || days || ' days have passed.'
            else 'Charged, not billed yet.'
        end as basis
    from (
        select
            charges.*,
            -- For charges in advance, count only the days that have passed.
            case when charges.end_date > period.today and charges.start_date <= charges.end_date
                then {{ days_in('charges.start_date', 'period.today') }} else 1 end as days_passed,
            case when charges.end_date > period.today and charges.start_date <= charges.end_date
                then {{ days_in('charges.start_date', 'charges.end_date') }} else 1 end as days
        from {{ ref('charges') }} as charges
        cross join {{ ref('int_open_period') }} as period
        where not charges.is_billed and not charges.is_withdrawn
    ) as charged

),

stored as (

    select
        'expected-item-' || item_id as accrual_id,
        'expected' as kind,
        'storage' as charge_type,
        cast(null as bigint) as charge_id,
        cast(null as bigint) as order_id,
        item_id,
        start_date,
        end_date,
        expected as amount,
        {{ counted('days', 'day') }} || ' of storage that no charge is for.' as basis
    from {{ ref('int_uncharged_storage') }}

),

shipped as (

    select
        coalesce('expected-order-' || order_id, 'expected-orders') || '-' || charge_type as accrual_id,
        'expected' as kind,
        charge_type,
        cast(null as bigint) as charge_id,
        order_id,
        cast(null as bigint) as item_id,
        shipped_date as start_date,
        shipped_date as end_date,
        expected as amount,
        case
            when order_id is null
                then {{ counted('orders', 'order') }} || ' shipped, not charged yet; by what such orders cost on average.'
            when expected is null then 'Shipped, not charged yet; nothing says its price.'
            when is_priced then 'Shipped, not charged yet; by the rate card.'
            else 'Shipped, not charged yet; by the median of earlier orders.'
        end as basis
    from {{ ref('int_uncharged_orders') }}

),

recurring as (

    select
        'expected-recurring-' || charge_type || '-' || start_date as accrual_id,
        'expected' as kind,
        charge_type,
        cast(null as bigint) as charge_id,
        cast(null as bigint) as order_id,
        cast(null as bigint) as item_id,
        start_date,
        end_date,
        expected as amount,
        'It recurs; ' || {{ counted('days', 'day') }} || ' of it to be charged.' as basis
    from {{ ref('int_uncharged_recurring') }}

)

select
    period.today as as_of_date,
    entries.*
from (
    select * from unbilled
    union all
    select * from stored
    union all
    select * from shipped
    union all
    select * from recurring
) as entries
cross join {{ ref('int_open_period') }} as period
