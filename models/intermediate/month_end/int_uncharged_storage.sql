{#- A flat price covers the days of a bill. A bill's last day is not known yet, so use the days so far. -#}
{%- set amounts = {
    'daily': 'sum(price)', 'month_start': 'max(first_price) * sum(days)', 'month_end': 'sum(price)',
    'peak': 'max(price / days) * sum(days)',
} -%}
{%- set volumes = {
    'average_flat': 'sum(volume_cuft * days) / sum(days)', 'month_start_flat': 'max(first_volume)',
    'month_end_flat': 'sum(volume_cuft * days) / sum(days)', 'peak_flat': 'max(volume_cuft)',
} -%}
{%- set unit_bases = {'month_start_units': 'month_start_flat', 'month_end_units': 'month_end_flat', 'peak_units': 'peak_flat'} -%}
{%- set flat_amounts = [] -%}
{%- for basis in (volumes | list) + (unit_bases | list) -%}
    {%- do flat_amounts.append(" when '" ~ basis ~ "' then " ~ basis ~ ' * rate * days / bill_days') -%}
{%- endfor -%}
with

charges as (

    select * from {{ ref('charges') }}
    where lower(charge_type) = 'storage' and not is_withdrawn and coalesce(amount, 0) >= 0

),

-- The basis in force is that of the latest bill that any basis explains.
explained as (

    select
        replace(storage.basis, 'api_', '') as basis,
        storage.rate,
        charges.start_date,
        charges.end_date,
        row_number() over (order by charges.end_date desc, charges.charge_id desc) as recency
    from {{ ref('int_storage_basis_observed') }} as storage
    inner join charges on storage.charge_id = charges.charge_id
    where charges.is_billed and storage.is_explained

),

-- If no basis explains the bills and no day has a price, use the cost per cubic foot of the latest bill.
latest as (

    select
        'average_flat' as basis,
        cast({{ rounded_quotient('sum(charges.amount)', 'sum(expectations.average_volume)', 6) }} as decimal(18, 6)) as rate,
        charges.start_date,
        charges.end_date,
        row_number() over (order by charges.end_date desc, charges.start_date desc) as recency
    from charges
    inner join {{ ref('int_storage_expectations') }} as expectations on charges.charge_id = expectations.charge_id
    where
        charges.is_billed and expectations.average_volume > 0 and expectations.missing_days is not null
        and not exists (select 1 from explained)
    group by charges.start_date, charges.end_date

),

-- A bill for a calendar month covers as many days as that month has.
basis as (

    select
        basis,
        rate,
        {{ days_in('start_date', 'end_date') }} as bill_days,
        extract(day from start_date) = 1 and end_date = {{ day_before(dbt.dateadd('month', 1, 'start_date')) }} as is_month
    from (
        select * from explained
        union all
        select * from latest
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
        -- Assume that the stock of the last known day stays until the service's today.
        cast(case
            when costs.date = max(costs.date) over (partition by costs.item_id) and costs.date < period.today
                then {{ days_in('costs.date', 'period.today') }}
            else 1
        end as integer) as days
    from {{ ref('storage_cost_daily') }} as costs
    inner join {{ ref('int_open_period') }} as period
        on costs.date between {{ dbt.dateadd('day', -7, 'period.start_date') }} and period.today
    where costs.expected_price is not null or costs.volume_cuft is not null

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
        row_number() over (partition by costs.item_id order by costs.date) as place
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
        case when place = 1 then volume_cuft end as first_volume
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

counted as (

    select
        summed.*,
        basis.basis,
        basis.rate,
        case
            when basis.is_month then {{ days_in("cast(date_trunc('month', summed.start_date) as date)",
                day_before(dbt.dateadd('month', 1, "cast(date_trunc('month', summed.start_date) as date)"))) }}
            else basis.bill_days
        end as bill_days
        {%- for units, volume in unit_bases.items() %},
        {{ started_units('summed.' ~ volume, 'units') }} as {{ units }}
        {%- endfor %}
    from summed
    left join basis on true
    cross join {{ unit_capacity() }} as units

),

expected as (

    select
        item_id,
        start_date,
        end_date,
        days,
        {{ rounded_money(
            'case coalesce(basis, ' ~ configured_basis() ~ ")"
            ~ " when 'month_start' then month_start when 'month_end' then month_end when 'peak' then peak"
            ~ flat_amounts | join('') ~ ' else daily end'
        ) }} as expected
    from counted

)

select * from expected
where expected <> 0
