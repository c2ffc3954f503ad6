{%- set is_priced -%}
    {{ is_explained('samples.amount', 'candidates.fixed', 'candidates.per_unit', 'samples.quantity') }}
        or samples.amount = candidates.minimum
{%- endset -%}
with

fits as (

    select
        samples.charge_type,
        samples.driver,
        samples.zone,
        samples.block,
        candidates.fixed,
        candidates.per_unit,
        candidates.minimum,
        candidates.weight,
        count(*) as charges,
        min(case when {{ is_priced }} then samples.date end) as first_date,
        max(case when {{ is_priced }} then samples.date end) as last_date,
        min(case when {{ is_priced }} then samples.charge_id end) as first_charge_id,
        {{ count_explained('samples', 'candidates', 'candidates.minimum') }}
    from {{ ref('rate_samples') }} as samples
    inner join {{ ref('rate_candidates') }} as candidates
        on samples.charge_type = candidates.charge_type and samples.zone = candidates.zone
    group by
        samples.charge_type, samples.driver, samples.zone, samples.block,
        candidates.fixed, candidates.per_unit, candidates.minimum, candidates.weight

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
