with

-- Without any order nothing can be said of orders: they were not read.
orders as (

    select * from {{ ref('order_facts') }}

),

expectations as (

    select
        expectations.charge_id,
        expectations.missing_days,
        expectations.days,
        {{ expected_as_configured('expectations') }} as configured
    from {{ ref('storage_expectations') }} as expectations

),

reach as (

    select count(*) > 0 as has_orders from orders

)

select
    charges.*,
    lower(charges.charge_type) = 'storage' as is_storage,
    lower(charges.charge_type) = 'storage' and stored.charge_id is null as is_unallocated,
    charges.amount - coalesce(settlements.credited, 0) as net_amount,
    settlements.settled_by,
    settlements.part_of,
    settlements.credited,
    settlements.credited_by,
    settlements.replaces,
    settlements.duplicate_of,
    coalesce(orders.is_cancelled, false) as is_cancelled,
    charges.order_id is not null and orders.order_id is null and reach.has_orders as is_unknown_order,
    orders.warehouse_id,
    expectations.missing_days,
    expectations.days,
    expectations.configured as storage_expected,
    practices.basis as practice_basis,
    coalesce(practices.expected, expectations.configured) as storage_practice,
    periods.first_date as period_start,
    periods.last_date as period_end,
    periods.has_storage as period_has_storage,
    coalesce(
        periods.is_known and charges.is_billed and settlements.replaces is null
        and (charges.start_date < periods.first_date or charges.end_date > periods.last_date), false
    ) as is_outside,
    rates.source as rate_source,
    rates.driver,
    rates.quantity as rate_quantity,
    rates.fixed,
    rates.per_unit,
    rates.expected as rate_expected,
    rates.is_fit,
    rates.is_net_fit,
    rates.charges_at_new_price,
    rates.new_price_since,
    rates.old_price_until
from {{ ref('charges') }} as charges
cross join reach
left join {{ ref('charge_settlements') }} as settlements on charges.charge_id = settlements.charge_id
left join orders on charges.order_id = orders.order_id
left join expectations on charges.charge_id = expectations.charge_id
left join {{ ref('storage_practices') }} as practices on charges.charge_id = practices.charge_id
left join {{ ref('invoice_periods') }} as periods on charges.payment_id = periods.payment_id
left join {{ ref('charge_rate_verdicts') }} as rates on charges.charge_id = rates.charge_id
left join {{ ref('stored_charges') }} as stored on charges.charge_id = stored.charge_id
where not charges.is_withdrawn
