with

blocks as (

    select
        *,
        case
            when fixed = lag(fixed) over by_time and per_unit = lag(per_unit) over by_time then 0
            else 1
        end as is_new
    from {{ ref('rate_blocks') }}
    window by_time as (partition by charge_type, zone order by block desc)

),

numbered as (

    select
        *,
        sum(is_new) over (partition by charge_type, zone order by block desc) as run
    from blocks

),

runs as (

    select
        charge_type,
        driver,
        zone,
        run,
        fixed,
        per_unit,
        min(first_date) as first_date,
        max(last_date) as last_date,
        max(first_date) as last_block_date,
        min(last_date) as first_block_date,
        min(first_charge_id) as first_charge_id,
        sum(charges) as charges,
        sum(explained) as explained
    from numbered
    group by charge_type, driver, zone, run, fixed, per_unit

)

-- Fewer than 20 charges may show that an old price is back, and never a new one.
select *
from (
    select
        *,
        count(*) over (partition by charge_type, zone, fixed, per_unit) as stretches
    from runs
) as counted
where charges >= 20 or stretches > 1
