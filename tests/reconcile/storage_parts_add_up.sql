-- What is spread over item-days, and what no item-day carries, add up to the storage charges, to the cent.
select
    parts.allocated,
    bills.charged
from (select coalesce(sum(allocated_charge), 0) as allocated from {{ ref('storage_cost_daily') }}) as parts
cross join (
    select coalesce(sum({{ rounded_money('billed') }}), 0) as charged
    from {{ ref('invoice_reconciliation') }}
    where lower(charge_type) = 'storage' and not is_unallocated
) as bills
where parts.allocated <> bills.charged
