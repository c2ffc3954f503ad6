{#- The charges needed to infer pallets or bins, and the share of them that must agree on the capacity. -#}
{%- set least_charges, agreeing_share, candidates = 20, 0.9, 50 -%}
{#- The capacity is known if its bounds differ by at most this factor. -#}
{%- set most_apart = 1.1 -%}
with

stated as (
    {%- for measure in unit_measures() %}
        {{ 'union all' if not loop.first }}
        select
            '{{ measure }}' as measure,
            {{ loop.index }} as place,
            charges.charge_id,
            cast(charges.quantity as decimal(12, 0)) as units,
            expectations.{{ measure }}_volume as volume
        from {{ ref('charges') }} as charges
        inner join {{ ref('int_storage_expectations') }} as expectations on charges.charge_id = expectations.charge_id
        where
            charges.item_id is not null and charges.amount > 0
            and charges.quantity between 1 and 1000000 and charges.quantity = floor(charges.quantity)
            and expectations.{{ measure }}_volume > 0
    {%- endfor %}

),

-- The minimum capacity of a unit: the largest volume per unit of any charge. A few charges may be wrong.
capacities as (

    select distinct
        measure,
        units,
        volume
    from (
        select
            *,
            row_number()
                over (partition by measure order by {{ floating_quotient('volume', 'units') }} desc, charge_id)
                as rank
        from stated
    ) as ranked
    where rank <= {{ candidates }}

),

tried as (

    select
        stated.measure,
        stated.place,
        capacities.units as fitted_units,
        capacities.volume as fitted_volume,
        stated.units,
        stated.volume,
        stated.volume * capacities.units <= stated.units * capacities.volume
        and stated.volume * capacities.units > (stated.units - 1) * capacities.volume as is_fit
    from stated
    inner join capacities on stated.measure = capacities.measure

),

counted as (

    select
        measure,
        place,
        fitted_units,
        fitted_volume,
        count(*) as charges,
        count(case when is_fit then 1 end) as fitting
    from tried
    group by measure, place, fitted_units, fitted_volume

),

chosen as (

    select *
    from (
        select
            *,
            row_number() over (
                order by
                    fitting desc, place asc, {{ floating_quotient('fitted_volume', 'fitted_units') }} desc,
                    fitted_units asc
            ) as choice
        from counted
        where charges >= {{ least_charges }} and fitting >= {{ agreeing_share }} * charges
    ) as ranked
    where choice = 1

),

-- The maximum capacity of a unit: the smallest volume that needed one more.
exceeded as (

    select
        tried.measure,
        tried.units - 1 as exceeded_units,
        tried.volume as exceeded_volume,
        row_number() over (order by {{ floating_quotient('tried.volume', 'tried.units - 1') }}, tried.volume) as choice
    from tried
    inner join chosen
        on
            tried.measure = chosen.measure and tried.fitted_units = chosen.fitted_units
            and tried.fitted_volume = chosen.fitted_volume
    where tried.is_fit and tried.units > 1

)

select
    chosen.measure,
    chosen.charges,
    chosen.fitting,
    chosen.fitted_units,
    chosen.fitted_volume,
    exceeded.exceeded_units,
    exceeded.exceeded_volume
from chosen
inner join exceeded on exceeded.choice = 1
where
    exceeded.exceeded_volume * chosen.fitted_units
    <= {{ most_apart }} * exceeded.exceeded_units * chosen.fitted_volume
