with

observations as (

    select * from {{ ref('rate_samples') }}

),

{{ fit_lines('observations') }},

-- The lines that are sure of their block: 20 charges or more, most of them explained.
known as (

    select
        charge_type,
        zone,
        fixed,
        per_unit,
        sum(explained) as weight
    from lines
    where charges >= 20 and explained >= 0.75 * charges
    group by charge_type, zone, fixed, per_unit

),

foremost as (

    select *
    from (
        select
            *,
            row_number() over (partition by charge_type, zone order by weight desc, fixed asc, per_unit asc) as place
        from known
    ) as placed
    where place <= 12

),

fits as (

    select
        observations.charge_type,
        observations.driver,
        observations.zone,
        observations.block,
        foremost.fixed,
        foremost.per_unit,
        foremost.weight,
        count(*) as charges,
        min(observations.date) as first_date,
        max(observations.date) as last_date,
        sum(
            case
                when
                    {{ is_explained('observations.amount', 'foremost.fixed', 'foremost.per_unit', 'observations.quantity') }}
                    then 1
                else 0
            end
        ) as explained
    from observations
    inner join foremost on observations.charge_type = foremost.charge_type and observations.zone = foremost.zone
group by
    observations.charge_type, observations.driver, observations.zone, observations.block,
    foremost.fixed, foremost.per_unit, foremost.weight

),

best as (

select
    *,
    max(explained) over (partition by charge_type, zone, block) as most
from fits

)

-- Of lines that explain a block about equally well, the one that explains most elsewhere.
select *
from (
select
    *,
    row_number() over (
        partition by charge_type, zone, block order by weight desc, explained desc, fixed asc, per_unit asc
    ) as choice
from best
where explained >= 0.9 * most and explained >= 0.75 * charges
) as chosen
where choice = 1
