{#- A flat price is for the days of a bill. -#}
{%- set amounts = {
    'daily': 'sum(price)', 'month_start': 'max(first_price) * sum(days)', 'month_end': 'max(last_price) * sum(days)',
    'peak': 'max(price / days) * sum(days)',
} -%}
{%- set volumes = {
    'average_flat': 'sum(volume_cuft * days) / sum(days)', 'month_start_flat': 'max(first_volume)',
    'month_end_flat': 'max(last_volume)', 'peak_flat': 'max(volume_cuft)',
} -%}
with

charges as (

    select * from {{ ref('charges') }}
    where lower(charge_type) = 'storage' and not is_withdrawn and coalesce(amount, 0) >= 0

),

-- The basis in force is that of the latest bill that follows one.
basis as (

    select
        replace(basis, 'api_', '') as basis,
        rate,
        bill_days
    from (
        select
            storage.basis,
            storage.rate,
            {{ days_in('charges.start_date', 'charges.end_date') }} as bill_days,
            row_number() over (order by charges.end_date desc, charges.charge_id desc) as recency
        from {{ ref('int_storage_basis_observed') }} as storage
        inner join charges on storage.charge_id = charges.charge_id
        where charges.is_billed and storage.is_explained
    ) as bills
    where recency = 1

),

costs as (

    select
        costs.item_id,
        costs.date,
        costs.expected_price,
        costs.volume_cuft,
        period.start_date,
        period.today,
        -- What stood on the last day that is known stands until the service's today.
        cast(case
            when costs.date = max(costs.date) over (partition by costs.item_id) and costs.date < period.today
                then {{ days_in('costs.date', 'period.today') }}
            else 1
        end as integer) as days
    from {{ ref('storage_cost_daily') }} as costs
    inner join {{ ref('int_open_period') }} as period
        on costs.date between {{ dbt.dateadd('day', -7, 'period.start_date') }} and period.today
    where costs.expected_price is not null

),

uncharged as (

    select
        costs.item_id,
        costs.date,
        {{ days_after('costs.date', 'costs.days - 1') }} as last_date,
        costs.days,
        costs.expected_price * costs.days as price,
        cast(costs.volume_cuft as decimal(18, 6)) as volume_cuft,
        costs.expected_price,
        row_number() over (partition by costs.item_id order by costs.date) as place,
        row_number() over (partition by costs.item_id order by costs.date desc) as place_from_last
    from costs
    left join charges as own
        on costs.item_id = own.item_id and costs.date between own.start_date and own.end_date
    left join charges as whole
        on whole.item_id is null and costs.date between whole.start_date and whole.end_date
    where own.charge_id is null and whole.charge_id is null and costs.date >= costs.start_date

),

placed as (

    select
        *,
        case when place = 1 then expected_price end as first_price,
        case when place = 1 then volume_cuft end as first_volume,
        case when place_from_last = 1 then expected_price end as last_price,
        case when place_from_last = 1 then volume_cuft end as last_volume
    from uncharged

),

summed as (

    select
        item_id,
        min(date) as start_date,
        max(last_date) as end_date,
        sum(days) as days
        {%- for basis, amount in amounts.items() %},
        cast({{ amount }} as decimal(38, 10)) as {{ basis }}
        {%- endfor %}
        {%- for basis, volume in volumes.items() %},
        cast({{ volume }} as decimal(18, 6)) as {{ basis }}
        {%- endfor %}
    from placed
    group by item_id

),

expected as (

    select
        summed.item_id,
        summed.start_date,
        summed.end_date,
        summed.days,
        {{ rounded_money(
            'case coalesce(basis.basis, ' ~ configured_basis() ~ ")"
            ~ " when 'month_start' then summed.month_start when 'month_end' then summed.month_end when 'peak' then summed.peak"
            ~ " when 'average_flat' then summed.average_flat * basis.rate * summed.days / basis.bill_days"
            ~ " when 'month_start_flat' then summed.month_start_flat * basis.rate * summed.days / basis.bill_days"
            ~ " when 'month_end_flat' then summed.month_end_flat * basis.rate * summed.days / basis.bill_days"
            ~ " when 'peak_flat' then summed.peak_flat * basis.rate * summed.days / basis.bill_days"
            ~ ' else summed.daily end'
        ) }} as expected
    from summed
    left join basis on true

)

select * from expected
where expected <> 0
