{%- set is_priced -%}
    {{ is_explained('observations.amount', 'foremost.fixed', 'foremost.per_unit', 'observations.quantity') }}
        or observations.amount = foremost.minimum
{%- endset -%}
with

observations as (

    select * from {{ ref('rate_samples') }}

),

{{ fit_lines('observations') }},

-- The lines that are sure of a block, or nearly so of several, in 20 charges or more.
known as (

    select
        charge_type,
        zone,
        fixed,
        per_unit,
        minimum,
        sum(explained) as weight
    from lines
    where charges >= 20 and explained >= 0.6 * charges or on_line >= 0.8 * charges
    group by charge_type, zone, fixed, per_unit, minimum
    having sum(charges) >= 20 and (count(*) > 1 or max(explained - 0.75 * charges) >= 0)

),

foremost as (

    select *
    from (
        select
            *,
            row_number() over (
                partition by charge_type, zone order by weight desc, fixed asc, per_unit asc, minimum asc
            ) as place
        from known
        -- Where most charges are at the minimum of a line, the minimum alone is no new price.
        where per_unit > 0 or not exists (
            select 1 from known as sloped
            where
                known.charge_type = sloped.charge_type and known.zone = sloped.zone
                and sloped.per_unit > 0 and known.fixed = sloped.minimum
        )
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
        foremost.minimum,
        foremost.weight,
        count(*) as charges,
        min(case when {{ is_priced }} then observations.date end) as first_date,
        max(case when {{ is_priced }} then observations.date end) as last_date,
        min(case when {{ is_priced }} then observations.charge_id end) as first_charge_id,
        {{ count_explained('observations', 'foremost', 'foremost.minimum') }}
    from observations
    inner join foremost on observations.charge_type = foremost.charge_type and observations.zone = foremost.zone
    group by
        observations.charge_type, observations.driver, observations.zone, observations.block,
        foremost.fixed, foremost.per_unit, foremost.minimum, foremost.weight

),

best as (

    select
        *,
        max(explained) over (partition by charge_type, zone, block) as most
    from (
        select
            *,
            on_line + at_minimum as explained
        from fits
    ) as counted

)

-- A line that explains most elsewhere is believed before one that explains a little more here.
select *
from (
    select
        *,
        row_number() over (
            partition by charge_type, zone, block order by weight desc, explained desc, fixed asc, per_unit asc
        ) as choice
    from best
    where
        explained >= 0.7 * most and explained >= 0.5 * charges
        -- What is above the minimum must follow the line; of a few charges, one.
        and (2 * on_line >= charges - at_minimum or charges < 20 and on_line > 0)
) as chosen
where choice = 1
