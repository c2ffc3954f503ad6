{#- An invoice with at least this many storage charges is judged on its own; others together with the whole account. -#}
{%- set invoice_charges = 8 -%}
with

bills as (

    select
        charges.charge_id,
        coalesce('item ' || charges.item_id, '') || ' ' || charges.start_date || ' ' || charges.end_date as stored,
        -- Charges that are not billed yet count as one future invoice, because they may accrue by another basis.
        case when charges.is_billed then 'invoice ' || coalesce({{ text('charges.payment_id') }}, '') else 'not billed' end
            as invoice,
        charges.amount - coalesce(settlements.credited, 0) as amount,
        expectations.{{ priced_bases() | join(', expectations.') }},
        expectations.missing_days is null as is_complete,
        expectations.average_volume
        {%- for measure in unit_measures() %},
        expectations.{{ measure }}_volume,
        case when {{ started_units('expectations.' ~ measure ~ '_volume', 'units') }}
            = {{ fewest_units('expectations.' ~ measure ~ '_volume', 'units') }}
            and units.measure = '{{ measure }}'
            then {{ started_units('expectations.' ~ measure ~ '_volume', 'units') }} end as {{ measure }}_units
        {%- endfor %}
    from {{ ref('charges') }} as charges
    inner join {{ ref('int_storage_expectations') }} as expectations on charges.charge_id = expectations.charge_id
    left join {{ ref('int_charge_settlements') }} as settlements on charges.charge_id = settlements.charge_id
    cross join {{ unit_capacity() }} as units
    where
        coalesce(expectations.daily, expectations.month_start, expectations.month_end, expectations.start_volume) is not null
        and settlements.settled_by is null and settlements.duplicate_of is null

),

counted as (

    select
        *,
        count(*) over (partition by invoice) as charges
    from bills

),

-- The pool of the account counts all charges. It judges the charges of small invoices, and those billed in advance,
-- because some of their days have no price yet.
members as (

    select
        *,
        invoice as pool,
        true as is_judged
    from counted
    where charges >= {{ invoice_charges }} and is_complete
    union all
    select
        *,
        'account' as pool,
        charges < {{ invoice_charges }} or not is_complete as is_judged
    from counted
    where exists (select 1 from counted as one where one.charges < {{ invoice_charges }} or not one.is_complete)

),

bases as (
    {%- for basis in priced_bases() %}
    {{ 'union all' if not loop.first }}
    select '{{ basis }}' as basis, {{ loop.index }} as place
    {%- endfor %}
    {%- for basis in flat_bases() %}
    union all
    select '{{ basis }}' as basis, {{ 10 + loop.index }} as place
    {%- endfor %}

),

-- One row per basis, with its expected amount or the volume that it multiplies.
by_basis as (

    select
        members.pool,
        members.charge_id,
        members.stored,
        members.is_judged,
        members.amount,
        bases.basis,
        bases.place,
        case bases.basis
            {%- for basis in priced_bases() %}
            when '{{ basis }}' then members.{{ basis }}
            {%- endfor %}
        end as priced,
        cast(case bases.basis
            {%- for basis, volume in flat_bases().items() %}
            when '{{ basis }}' then members.{{ volume }}
            {%- endfor %}
        end as decimal(18, 6)) as volume
    from members
    cross join bases

),

-- The price of a flat basis is the median of the larger half of the bills, where rounding to cents matters least.
ratios as (

    select
        pool,
        basis,
        cast({{ rounded_quotient('amount', 'volume', 6) }} as decimal(18, 6)) as rate,
        count(*) over (partition by pool, basis) as charges
    from (
        select
            *,
            row_number() over (partition by pool, basis order by amount desc, charge_id) as size_rank,
            count(*) over (partition by pool, basis) as size
        from by_basis
        where volume > 0
    ) as ranked
    where 2 * size_rank <= size + 1

),

-- The price with the fewest decimals that is consistent with the bills.
flat_rates as (

    select
        pool,
        basis,
        case
            {%- for digits in (2, 3, 4) %}
            when abs(round(rate, {{ digits }}) - rate) <= 0.001 * rate then cast(round(rate, {{ digits }}) as decimal(18, 6))
            {%- endfor %}
            else rate
        end as rate
    from (
        select
            *,
            row_number() over (partition by pool, basis order by rate) as place
        from ratios
    ) as ordered
    where place = cast(floor((charges + 1) / 2.0) as bigint)

),

expected_amounts as (

    select
        by_basis.pool,
        by_basis.charge_id,
        by_basis.stored,
        by_basis.is_judged,
        by_basis.amount,
        by_basis.basis,
        by_basis.place,
        coalesce(by_basis.priced, {{ rounded_money('by_basis.volume * flat_rates.rate') }}) as expected,
        flat_rates.rate
    from by_basis
    left join flat_rates on by_basis.pool = flat_rates.pool and by_basis.basis = flat_rates.basis
    where by_basis.priced is not null or by_basis.volume * flat_rates.rate is not null

)

select
    *,
    case when {{ is_misbilled('amount', 'expected') }} then 0 else 1 end as is_fit,
    max(case when basis = {{ configured_basis() }} then expected end) over (partition by pool, charge_id) as configured
from expected_amounts
