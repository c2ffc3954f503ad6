with

{{ fit_lines(ref('rate_samples')) }},

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

)

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
