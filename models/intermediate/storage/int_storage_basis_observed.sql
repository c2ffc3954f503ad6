{#- With this few charges, one that follows the setting to the cent confirms the setting. -#}
{%- set few_charges = 8 -%}
with

compared as (

    select
        *,
        -- A bill can tell two bases apart only if their expected amounts differ.
        case when {{ is_misbilled('expected', 'configured') }} then 1 else 0 end as is_own
    from {{ ref('int_storage_bases_compared') }}

),

-- Several charges for the same item and days may be parts of one amount: at least one of them has to fit.
stored as (

    select
        pool,
        basis,
        place,
        stored,
        max(is_own) as is_own,
        max(is_fit) as is_fit,
        max(is_own * is_fit) as is_own_fit
    from compared
    group by pool, basis, place, stored

),

counted as (

    select
        pool,
        basis,
        place,
        count(*) as charges,
        sum(is_own) as own,
        sum(is_own_fit) as fitting,
        sum(is_fit) as explained,
        basis = {{ configured_basis() }} as is_configured
    from stored
    group by pool, basis, place

),

-- Prefer another basis if it explains most of at least three charges that tell it from the configured one.
preferred as (

    select
        *,
        case when is_configured or (own >= 3 and fitting >= 0.6 * own) then 0 else 1 end as preference,
        case when is_configured then 0 else 1 end as tie
    from counted

),

ranked as (

    select
        *,
        row_number() over (partition by pool order by preference asc, explained desc, tie asc, place asc) as choice
    from preferred

)

select
    compared.charge_id,
    compared.pool,
    compared.basis,
    compared.expected,
    compared.configured,
    compared.rate,
    compared.is_fit = 1 as is_fit,
    compared.is_fit = 0
    and max(compared.is_fit) over (partition by compared.pool, compared.basis, compared.stored) = 1 as is_addition,
    ranked.charges,
    ranked.explained,
    ranked.explained >= 0.6 * ranked.charges
    or (
        ranked.charges < {{ few_charges }} and ranked.explained > 0 and ranked.is_configured
    ) as is_explained
from compared
inner join ranked on compared.pool = ranked.pool and compared.basis = ranked.basis
where ranked.choice = 1 and compared.is_judged
