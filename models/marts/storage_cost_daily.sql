{%- set since = rebuilt_from('cost_from') -%}
with

priced as (

    select
        *,
        {{ contract_rate('date') }} as contract_rate
    from {{ ref('inventory_item_days') }}
    where date >= {{ since }}

),

contracted as (

    select
        *,
        case when contract_rate is not null then cast(volume_cuft as decimal(20, 10)) * contract_rate end
            as contract_price
    from priced

),

allocated as (

    select
        item_id,
        date,
        sum(allocated) as allocated_charge,
        sum(case when is_billed then allocated else 0 end) as billed_charge
    from {{ ref('storage_allocation') }}
    where date >= {{ since }}
    group by item_id, date

)

select
    contracted.item_id,
    items.sku,
    contracted.date,
    contracted.volume_cuft,
    contracted.price,
    {{ rounded_quotient('contracted.price', 'contracted.volume_cuft', 8) }} as rate,
    contracted.contract_rate,
    contracted.contract_price,
    cast(coalesce(contracted.contract_price, contracted.price) as decimal(38, 24)) as expected_price,
    cast(coalesce(allocated.allocated_charge, 0) as {{ money_type() }}) as allocated_charge,
    cast(coalesce(allocated.billed_charge, 0) as {{ money_type() }}) as billed_charge
from contracted
left join allocated on contracted.item_id = allocated.item_id and contracted.date = allocated.date
left join {{ ref('items') }} as items on contracted.item_id = items.item_id
