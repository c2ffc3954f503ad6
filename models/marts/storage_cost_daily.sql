{%- set since = rebuilt_from('cost_from') -%}
with

item_days as (

    select * from {{ ref('int_inventory_daily') }}
    where date >= {{ since }}

),

-- Of the rates that hold on a day, the one that began last.
contract_days as (

    select
        days.date,
        rates.rate,
        row_number() over (partition by days.date order by rates.valid_from desc) as recency
    from (select distinct date from item_days) as days
    inner join {{ ref('configured_storage_rates') }} as rates
        on days.date >= rates.valid_from and (rates.valid_to is null or days.date <= rates.valid_to)

),

priced as (

    select
        item_days.*,
        contract_days.rate as contract_rate
    from item_days
    left join contract_days on item_days.date = contract_days.date and contract_days.recency = 1

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
    from {{ ref('int_storage_allocation') }}
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
