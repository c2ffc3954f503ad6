with

months as (

    select
        item_id,
        max(sku) as sku,
        cast(date_trunc('month', date) as date) as month,
        count(*) as days,
        case when count(volume_cuft) = count(*) then sum(volume_cuft) end as volume_cuft,
        case when count(price) = count(*) then cast(sum(price) as decimal(38, 24)) end as price,
        case when count(expected_price) = count(*) then cast(sum(expected_price) as decimal(38, 24)) end
            as expected_price,
        cast(sum(billed_charge) as decimal(18, 2)) as billed,
        cast(sum(allocated_charge - billed_charge) as decimal(18, 2)) as not_yet_billed
    from {{ ref('storage_cost_daily') }}
    group by item_id, cast(date_trunc('month', date) as date)

)

select
    item_id,
    sku,
    month,
    days,
    {{ rounded_quotient('volume_cuft', 'cast(days as decimal(38, 24))', 4) }} as average_volume_cuft,
    price,
    expected_price,
    billed,
    not_yet_billed,
    billed + not_yet_billed - expected_price as difference
from months
