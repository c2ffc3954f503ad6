with

-- What was numbered before a run's first charge, and dated after its last.
around as (

    select
        stretches.charge_type,
        stretches.zone,
        stretches.run,
        sum(case when samples.charge_id < stretches.first_charge_id then 1 else 0 end) as earlier,
        sum(case when samples.date > stretches.last_date then 1 else 0 end) as later
    from {{ ref('rate_stretches') }} as stretches
    inner join {{ ref('rate_samples') }} as samples
        on stretches.charge_type = samples.charge_type and stretches.zone = samples.zone
    group by stretches.charge_type, stretches.zone, stretches.run

),

neighbours as (

    select
        stretches.*,
        lag(stretches.fixed) over by_time = lead(stretches.fixed) over by_time
        and lag(stretches.per_unit) over by_time = lead(stretches.per_unit) over by_time
        and stretches.explained < lag(stretches.explained) over by_time + lead(stretches.explained) over by_time
        and {{ days_in('stretches.first_date', 'stretches.last_date') }} <= 31
            as is_excursion,
        {{ days_in('stretches.first_date', 'stretches.last_date') }} < 15
        and case
            when count(*) over (partition by stretches.charge_type, stretches.zone) = 1 then false
            -- The first or the last price, before or after which others stand.
            when lag(stretches.run) over by_time is null then around.earlier >= 3
            when lead(stretches.run) over by_time is null then around.later >= 5
            -- While those after it are as brief, nobody knows which of them is the error.
            else max({{ days_in('stretches.first_date', 'stretches.last_date') }}) over (
                partition by stretches.charge_type, stretches.zone
                order by stretches.run rows between 1 following and unbounded following
            ) >= 15
        end as is_brief
    from {{ ref('rate_stretches') }} as stretches
    inner join around
        on stretches.charge_type = around.charge_type and stretches.zone = around.zone and stretches.run = around.run
    window by_time as (partition by stretches.charge_type, stretches.zone order by stretches.run)

),

-- A price that gives way to the one before it within a month, or to another within 15 days, was an error.
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
