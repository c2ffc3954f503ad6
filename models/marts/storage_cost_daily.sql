{%- set since = rebuilt_from('cost_from') -%}
with

item_days as (

    select * from {{ ref('int_inventory_daily') }}
    where date >= {{ since }}

),

allocated as (

    select
        item_id,
        date,
        sum(allocated) as allocated_charge,
        sum(case when is_billed then allocated else 0 end) as billed_charge
    from {{ ref('int_storage_allocation') }}
    where date >= {{ since }}
    group by item_id, date

)

select
    item_days.item_id,
    items.sku,
    item_days.date,
    item_days.volume_cuft,
    item_days.price,
    {{ rounded_quotient('item_days.price', 'item_days.volume_cuft', 8) }} as rate,
    item_days.contract_rate,
    item_days.contract_price,
    cast(coalesce(item_days.contract_price, item_days.price) as decimal(38, 24)) as expected_price,
    cast(coalesce(allocated.allocated_charge, 0) as {{ money_type() }}) as allocated_charge,
    cast(coalesce(allocated.billed_charge, 0) as {{ money_type() }}) as billed_charge
from item_days
left join allocated on item_days.item_id = allocated.item_id and item_days.date = allocated.date
left join {{ ref('items') }} as items on item_days.item_id = items.item_id
