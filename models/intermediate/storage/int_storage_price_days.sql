with

charges as (

    select
        charges.charge_id,
        charges.item_id,
        charges.start_date,
        charges.end_date
    from {{ ref('charges') }} as charges
    where {{ expects_storage('charges') }}

),

item_days as (

    select
        *,
        case when contract_price is not null then 1 else 0 end as is_contract
    from {{ ref('storage_cost_daily') }}
    where date >= {{ rebuilt_from('charges_from') }}

),

account_days as (

    select
        date,
        -- A day without the price of one item is a day without a price.
        case when count(expected_price) = count(*) then cast(sum(expected_price) as decimal(38, 24)) end
            as expected_price,
        case when count(price) = count(*) then cast(sum(price) as decimal(38, 24)) end as price,
        case when count(volume_cuft) = count(*) then cast(sum(volume_cuft) as decimal(38, 24)) end as volume_cuft,
        min(is_contract) as is_contract
    from item_days
    group by date

)

select
    charges.charge_id,
    charges.end_date,
    item_days.date,
    item_days.expected_price,
    item_days.price,
    cast(item_days.volume_cuft as decimal(38, 24)) as volume_cuft,
    item_days.is_contract
from charges
inner join item_days
    on charges.item_id = item_days.item_id and item_days.date between charges.start_date and charges.end_date
where item_days.expected_price is not null
union all
select
    charges.charge_id,
    charges.end_date,
    account_days.date,
    account_days.expected_price,
    account_days.price,
    account_days.volume_cuft,
    account_days.is_contract
from charges
inner join account_days on account_days.date between charges.start_date and charges.end_date
where charges.item_id is null and account_days.expected_price is not null
