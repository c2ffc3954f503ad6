with

neighbours as (

    select
        *,
        lag(fixed) over by_time = lead(fixed) over by_time
        and lag(per_unit) over by_time = lead(per_unit) over by_time
        and explained < lag(explained) over by_time + lead(explained) over by_time as is_excursion,
        lag(run) over by_time is not null and lead(run) over by_time is not null
        and {{ days_in('first_date', 'last_date') }} < 15 as is_brief
    from {{ ref('rate_stretches') }}
    window by_time as (partition by charge_type, zone order by run)

),

-- A price that gives way to the one before it, or to another within 15 days, was an error.
kept as (

    select
        *,
        case
            when fixed = lag(fixed) over by_time and per_unit = lag(per_unit) over by_time then 0
            else 1
        end as is_new_price
    from neighbours
    where not coalesce(is_excursion, false) and not is_brief
    window by_time as (partition by charge_type, zone order by run)

)

select
    *,
    sum(is_new_price) over (partition by charge_type, zone order by run) as price_number
from kept
