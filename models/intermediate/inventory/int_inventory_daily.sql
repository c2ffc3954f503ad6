with

item_days as (

    select
        item_id,
        date,
        -- Null in one warehouse makes the sum null: a partial sum would look like a complete one.
        case when count(supply) = count(*) then cast(sum(supply) as bigint) end as supply,
        case when count(prepared) = count(*) then cast(sum(prepared) as bigint) end as prepared,
        case when count(receiving) = count(*) then cast(sum(receiving) as bigint) end as receiving,
        case when count(volume_cuft) = count(*) then cast(sum(volume_cuft) as decimal(38, 24)) end as volume_cuft,
        case when count(price) = count(*) then cast(sum(price) as decimal(38, 24)) end as price,
        cast(sum(price) as decimal(38, 24)) as known_price,
        max(seen_at) as seen_at
    from {{ ref('stg_inventory_history') }}
    where
        date >= {{ rebuilt_from('history_from') }}
        and date >= {{ setting('earliest_date') }}
        and date <= (select today from {{ ref('int_account_today') }})
    group by item_id, date

),

-- If several rates apply on a day, use the one that started last.
contract_days as (

    select
        days.date,
        rates.rate,
        row_number() over (partition by days.date order by rates.valid_from desc) as recency
    from (select distinct date from item_days) as days
    inner join {{ ref('configured_storage_rates') }} as rates
        on days.date >= rates.valid_from and (rates.valid_to is null or days.date <= rates.valid_to)

)

select
    item_days.*,
    contract_days.rate as contract_rate,
    cast(item_days.volume_cuft as decimal(20, 10)) * contract_days.rate as contract_price
from item_days
left join contract_days on item_days.date = contract_days.date and contract_days.recency = 1
