with

days as (

    select
        *,
        cast(date_trunc('month', date) as date) as month
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
        case when count(price) = count(*) then cast(sum(price) as decimal(38, 24)) end as price,
        case when count(expected_price) = count(*) then cast(sum(expected_price) as decimal(38, 24)) end
            as expected_price,
        cast(sum(billed_charge) as {{ money_type() }}) as billed,
        cast(sum(allocated_charge - billed_charge) as {{ money_type() }}) as not_yet_billed
    from days
    group by item_id, month

)

select
    months.item_id,
    months.sku,
    months.month,
    months.days,
    months.last_date,
    {{ rounded_quotient('months.volume_cuft', 'cast(months.days as decimal(38, 24))', 4) }} as average_volume_cuft,
    cast(months.peak_volume_cuft as decimal(18, 4)) as peak_volume_cuft,
    cast(last_days.volume_cuft as decimal(18, 4)) as month_end_volume_cuft,
    months.price,
    months.expected_price,
    months.billed,
    months.not_yet_billed,
    months.billed + months.not_yet_billed - months.expected_price as difference
from months
inner join {{ ref('storage_cost_daily') }} as last_days
    on months.item_id = last_days.item_id and months.last_date = last_days.date
