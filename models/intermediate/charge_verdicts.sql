with

stored as (

    select distinct charge_id from {{ ref('storage_charge_days') }}

),

judged as (

    select
        charges.*,
        settlements.settled_by,
        settlements.duplicate_of,
        expectations.missing_days,
        expectations.days,
        expectations.{{ var('storage_basis') }} as storage_expected,
        charges.amount - expectations.{{ var('storage_basis') }} as storage_difference,
        lower(charges.charge_type) = 'storage' as is_storage,
        lower(charges.charge_type) = 'storage' and stored.charge_id is null as is_unallocated,
        case
            when settlements.settled_by is not null then 'settled'
            when settlements.duplicate_of is not null then 'duplicate_charge'
            when coalesce(charges.amount, -1) < 0 then 'not_a_charge'
            when expectations.{{ var('storage_basis') }} is not null then 'storage'
            when charges.amount = 0 then 'not_a_charge'
            when upper(orders.status) = 'CANCELLED' and not orders.has_shipped then 'cancelled_order'
            when charges.order_id is not null and orders.order_id is null then 'unknown_order'
        end as verdict
    from {{ ref('charges') }} as charges
    left join {{ ref('charge_settlements') }} as settlements on charges.charge_id = settlements.charge_id
    left join {{ ref('storage_expectations') }} as expectations on charges.charge_id = expectations.charge_id
    left join {{ ref('stg_orders') }} as orders on charges.order_id = orders.order_id
    left join stored on charges.charge_id = stored.charge_id
    where not charges.is_withdrawn

)

select
    *,
    case
        when verdict in ('duplicate_charge', 'cancelled_order', 'unknown_order') then verdict
        when verdict is null or verdict <> 'storage' or abs(storage_difference) <= 0.01 then null
        when abs(storage_difference) <= 1 and abs(storage_difference) <= 0.005 * storage_expected then null
        when storage_difference > 0 then 'storage_overbilled'
        else 'storage_underbilled'
    end as rule,
    cast(case verdict
        when 'settled' then amount
        when 'storage' then storage_expected
        when 'duplicate_charge' then 0
        when 'cancelled_order' then 0
        when 'unknown_order' then 0
    end as decimal(18, 2)) as expected
from judged
