with

charges as (

    select
        charge_id,
        start_date,
        end_date
    from {{ ref('charges') }}
    where
        lower(charge_type) = 'storage' and not is_withdrawn and amount >= 0 and start_date <= end_date
        and end_date >= {{ rebuilt_from('cost_from') }}

),

-- The days that have a price, between two that stand just outside the charge: what lies between two of them is missing.
marks as (

    select
        charge_id,
        date
    from {{ ref('storage_price_days') }}
    union all
    select
        charge_id,
        {{ day_before('start_date') }} as date
    from charges
    union all
    select
        charge_id,
        {{ day_after('end_date') }} as date
    from charges

),

steps as (

    select
        charge_id,
        {{ day_after('lag(date) over (partition by charge_id order by date)') }} as gap_start,
        {{ day_before('date') }} as gap_end
    from marks

)

select
    charge_id,
    {{ dbt.listagg(
        "case when gap_start = gap_end then '' else gap_start || ' to ' end || gap_end", "', '", 'order by gap_start'
    ) }} as missing_days
from steps
where gap_start <= gap_end
group by charge_id
