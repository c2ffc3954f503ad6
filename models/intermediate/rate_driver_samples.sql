with

latest as (

    select *
    from (
        select
            {%- for place in rate_places() %}
                min({{ place }}) over types < max({{ place }}) over types as has_{{ place }},
            {%- endfor %}
            *,
            row_number() over (partition by charge_type order by date desc, charge_id desc) as age,
            count(*) over (partition by charge_type) as charges
        from {{ ref('rate_observations') }}
        window types as (partition by charge_type)
    ) as aged
    where age <= 2000

),

samples as (

    select
        latest.charge_type,
        drivers.driver,
        zoning.by_zone,
        case when zoning.by_zone > 0 then zoning.by_zone || ' ' else '' end
        || {{ rate_place('zoning.by_zone', 'latest') }} as zone,
        latest.charge_id,
        latest.date,
        {{ rate_quantity('drivers.driver', 'latest') }} as quantity,
        latest.amount,
        least(latest.charges, 2000) as type_charges
    from latest
    cross join (
        values
        {%- for driver in rate_drivers() %}
            ('{{ driver }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as drivers (driver)
    cross join (
        values (0)
        {%- for place in rate_places() %}, ({{ loop.index }})
        {%- endfor %}
    ) as zoning (by_zone)
    where
        zoning.by_zone = 0
        {%- for place in rate_places() %}
            or (zoning.by_zone = {{ loop.index }} and latest.has_{{ place }} and latest.has_order)
        {%- endfor %}

)

-- Neighbours in time, 48 at a time, so that a change of price spoils one block and not all.
select
    charge_type,
    driver,
    by_zone,
    zone,
    cast(floor((row_number() over newest - 1) / 48.0) as bigint) as block,
    charge_id,
    cast(date_trunc('month', date) as date) as month,
    quantity,
    amount,
    type_charges
from samples
where quantity is not null
window newest as (partition by charge_type, driver, zone order by date desc, charge_id desc)
