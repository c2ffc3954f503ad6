with

days as (

    select
        *,
        cast(date_trunc('month', date) as date) as month,
        row_number() over (partition by item_id, date_trunc('month', date) order by date desc) as days_to_end
    from {{ ref('storage_cost_daily') }}
    where date >= {{ month_of(rebuilt_from('cost_from')) }}

),

months as (

    select
        item_id,
        max(sku) as sku,
        month,
        count(*) as days,
        max(date) as last_date,
        case when count(volume_cuft) = count(*) then sum(volume_cuft) end as volume_cuft,
        case when count(volume_cuft) = count(*) then max(volume_cuft) end as peak_volume_cuft,
        max(case when days_to_end = 1 then volume_cuft end) as month_end_volume_cuft,
        case when count(price) = count(*) then cast(sum(price) as decimal(38, 24)) end as price,
        case when count(expected_price) = count(*) then cast(sum(expected_price) as decimal(38, 24)) end
            as expected_price,
        cast(sum(billed_charge) as decimal(18, 2)) as billed,
        cast(sum(allocated_charge - billed_charge) as decimal(18, 2)) as not_yet_billed
    from days
    group by item_id, month

)

select
    item_id,
    sku,
    month,
    days,
    last_date,
    {{ rounded_quotient('volume_cuft', 'cast(days as decimal(38, 24))', 4) }} as average_volume_cuft,
    cast(peak_volume_cuft as decimal(18, 4)) as peak_volume_cuft,
    cast(month_end_volume_cuft as decimal(18, 4)) as month_end_volume_cuft,
    price,
    expected_price,
    billed,
    not_yet_billed,
    billed + not_yet_billed - expected_price as difference
from months
