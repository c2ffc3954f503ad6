with

{{ fit_lines(ref('rate_driver_samples')) }},

-- A price that stands at the same quantity again and again is explained also where no line goes through it.
judged as (

    select
        points.charge_type,
        points.driver,
        points.by_zone,
        points.type_charges,
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

)

select
    charge_type,
    driver,
    by_zone,
    {{ floating('sum(is_explained)') }} / {{ floating('max(type_charges)') }} as score,
    max(type_charges) as charges
from judged
group by charge_type, driver, by_zone
