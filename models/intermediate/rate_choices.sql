with

latest as (

    select *
    from (
        select
            *,
            row_number() over (partition by charge_type order by date desc, charge_id desc) as age
        from {{ ref('rate_observations') }}
    ) as aged
    where age <= 2000

),

unfolded as (

        {%- for driver in rate_drivers() %}{% for by_zone in [0, 1] %}
        select
            charge_type,
            '{{ driver }}' as driver,
            {{ by_zone }} as by_zone,
            {{ 'zone' if by_zone else "''" }} as place_of,
            charge_id,
            date,
            cast({{ '0' if driver == 'none' else driver }} as decimal(18, 4)) as quantity,
            amount
        from latest
        
{{- ' where ' ~ driver ~ ' is not null' if driver != 'none' }}
            {{- (' and' if driver != 'none' else ' where') ~ ' has_order' if by_zone }}
                {{ 'union all' if not loop.last }}
    {%- endfor %}{{ 'union all' if not loop.last }}{% endfor %}

),

-- Neighbours in time, 48 at a time, so that a change of price spoils one block and not all.
observations as (

    select
        charge_type,
        driver,
        case when by_zone = 1 then 'by ' else '' end || place_of as zone,
        cast(floor((row_number() over newest - 1) / 48.0) as bigint) as block,
        by_zone,
        charge_id,
        cast(date_trunc('month', date) as date) as month,
        quantity,
        amount
    from unfolded
    window newest as (partition by charge_type, driver, by_zone, place_of order by date desc, charge_id desc)

),

{{ fit_lines('observations') }},

-- A price that stands at the same quantity again and again is explained also where no line goes through it.
judged as (

    select
        points.charge_type,
        points.driver,
        points.by_zone,
        case
            when points.size >= 12
                and {{ is_explained('points.amount', 'lines.fixed', 'lines.per_unit', 'points.quantity') }} then 1
            when points.driver not in ('weight', 'volume') and points.alike >= 3
                and points.alike >= 0.75 * points.charges then 1
            else 0
        end as is_explained
    from (
        select
            *,
            count(*) over (partition by charge_type, driver, zone, month, quantity) as charges,
            count(*) over (partition by charge_type, driver, zone, month, quantity, amount) as alike
        from ranked
    ) as points
    inner join lines
        on
            points.charge_type = lines.charge_type and points.driver = lines.driver
            and points.zone = lines.zone and points.block = lines.block

),

scores as (

select
    judged.charge_type,
    judged.driver,
    judged.by_zone,
    {{ floating('sum(judged.is_explained)') }} / {{ floating('max(types.charges)') }} as score,
    max(types.charges) as charges
from judged
inner join (select
    charge_type,
    count(*) as charges
from latest
group by charge_type) as types
    on judged.charge_type = types.charge_type
group by judged.charge_type, judged.driver, judged.by_zone

)

-- What is simpler is preferred, unless the other explains half of what it leaves unexplained.
select
    charge_type,
    driver,
    by_zone,
    charges
from (
    select
        *,
        row_number() over (partition by charge_type order by reluctance, by_zone, driver) as choice
    from (
        select
            *,
            {{ floating('ln(1.01 - score)') }} + {{ floating(
                "0.5 * by_zone + case when driver = 'none' then 0 else 0.5 end + 0.05 * " ~ rate_driver_rank('driver')
            ) }} as reluctance
        from scores
    ) as weighed
) as ranked_scores
where choice = 1
