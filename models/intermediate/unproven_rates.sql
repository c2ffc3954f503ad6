{%- set facets = {
    'price': "rates.valid_from || ' ' || rates.fixed || ' ' || rates.per_unit",
    'make': "observed.lines || ' ' || observed.units",
    'month': "date_trunc('month', rates.date)",
    'weekday': 'mod(' ~ days_in("date '2024-01-01'", 'rates.date') ~ ', 7)',
} -%}
{%- for name in ('zone', 'warehouse', 'order_type', 'lines', 'units', 'started_weight') -%}
    {%- do facets.update({name: 'observed.' ~ name}) -%}
{%- endfor -%}
with

rates as (

    select * from {{ ref('rate_neighbours') }}
    where is_calm

),

kinds as (

    select
        rates.charge_id,
        rates.charge_type,
        rates.zone,
        rates.is_right,
        facets.facet,
        case facets.facet
            {%- for facet, kind in facets.items() %}
                when '{{ facet }}'
                    then cast({{ kind }} as {{ column_type('varchar') }})
            {%- endfor %}
        end as kind
    from rates
    inner join {{ ref('rate_observations') }} as observed on rates.charge_id = observed.charge_id
    cross join (
        values
        {%- for facet in facets %}
            ('{{ facet }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as facets (facet)

),

counted as (

    select
        charge_type,
        zone,
        facet,
        kind,
        count(*) as charges,
        sum(is_right) as fits,
        sum(case when count(*) < 4 then count(*) else 0 end) over facets as rare_charges,
        sum(case when count(*) < 4 then sum(is_right) else 0 end) over facets as rare_fits
    from kinds
    group by charge_type, zone, facet, kind
    window facets as (partition by charge_type, zone, facet)

)

-- A price that much is off proves nothing; nor does another of a kind of order that mostly does not follow it.
select distinct kinds.charge_id
from kinds
inner join counted
    on
        kinds.charge_type = counted.charge_type and kinds.zone = counted.zone
        and kinds.facet = counted.facet and kinds.kind = counted.kind
where
    kinds.is_right = 0
    and case
        when counted.facet = 'price' and counted.charges >= 10 then 10 * counted.fits < 7 * counted.charges
        when counted.charges >= 4 then 2 * counted.fits < counted.charges
        else counted.fits = 0 and counted.rare_charges >= 4 and 4 * counted.rare_fits < 3 * counted.rare_charges
    end
