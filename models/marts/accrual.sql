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
        cast(amount as decimal(18, 2)) as amount,
        'Charged, not billed yet.' as basis
    from {{ ref('charges') }}
    where not is_billed and not is_withdrawn

),

storage_charges as (

    select * from {{ ref('charges') }}
    where lower(charge_type) = 'storage' and not is_withdrawn and coalesce(amount, 0) >= 0

),

-- Days that were stored and that no charge is for.
stored as (

    select
        'expected-item-' || costs.item_id as accrual_id,
        'expected' as kind,
        'storage' as charge_type,
        cast(null as bigint) as charge_id,
        cast(null as bigint) as order_id,
        costs.item_id,
        min(costs.date) as start_date,
        max(costs.date) as end_date,
        cast(sum(costs.expected_price) as decimal(18, 2)) as amount,
        count(*) || ' days of storage that no charge is for.' as basis
    from {{ ref('storage_cost_daily') }} as costs
    inner join {{ ref('open_period') }} as period
        on costs.date between period.start_date and {{ day_before('period.today') }}
    left join storage_charges as own
        on costs.item_id = own.item_id and costs.date between own.start_date and own.end_date
    left join storage_charges as whole
        on whole.item_id is null and costs.date between whole.start_date and whole.end_date
    where costs.expected_price is not null and own.charge_id is null and whole.charge_id is null
    group by costs.item_id
    having cast(sum(costs.expected_price) as decimal(18, 2)) <> 0

),

shipped as (

    select
        'expected-order-' || order_id || '-' || charge_type as accrual_id,
        'expected' as kind,
        charge_type,
        cast(null as bigint) as charge_id,
        order_id,
        cast(null as bigint) as item_id,
        shipped_date as start_date,
        shipped_date as end_date,
        expected as amount,
        'Shipped, not charged yet; '
        || case when expected is null then 'no rate card has its price.' else 'by the rate card.' end as basis
    from {{ ref('uncharged_orders') }}

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
) as entries
cross join {{ ref('open_period') }} as period
