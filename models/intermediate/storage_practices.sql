{%- set basis = var('storage_basis') -%}
with

bills as (

    select
        charges.charge_id,
        charges.payment_id,
        charges.is_billed,
        charges.amount - coalesce(settlements.credited, 0) as amount,
        expectations.*
    from {{ ref('charges') }} as charges
    inner join {{ ref('storage_expectations') }} as expectations on charges.charge_id = expectations.charge_id
    left join {{ ref('charge_settlements') }} as settlements on charges.charge_id = settlements.charge_id
    where
        expectations.{{ basis }} is not null
        and settlements.settled_by is null and settlements.duplicate_of is null

),

-- Only where another basis expects something else can a bill say which one it follows.
tellings as (

    {%- for other in other_bases() %}
        select
            payment_id,
            charge_id,
            is_billed,
            '{{ other }}' as basis,
            {{ loop.index }} as place,
            {{ other }} as expected,
            case when {{ is_misbilled('amount', other) }} then 0 else 1 end as is_fit
        from bills
        where {{ is_misbilled(other, basis) }}
                {{ 'union all' if not loop.last }}
    {%- endfor %}

),

-- An invoice speaks for itself with 8 such charges or more; else the account does, with 3.
counted as (

    select
        1 as is_invoice,
        payment_id,
        basis,
        place,
        count(*) as charges,
        sum(is_fit) as fitting
    from tellings
    where is_billed
    group by payment_id, basis, place
    having count(*) >= 8
    union all
    select
        0 as is_invoice,
        null as payment_id,
        basis,
        place,
        count(*) as charges,
        sum(is_fit) as fitting
    from tellings
    where is_billed
    group by basis, place
    having count(*) >= 3

),

practices as (

    select *
    from (
        select
            *,
            row_number() over (
                partition by is_invoice, payment_id order by cast(fitting as double precision) / charges desc, place
            ) as choice
        from counted
        where fitting >= 0.7 * charges
    ) as ranked
    where choice = 1

),

spoken as (

    select distinct payment_id from counted
    where is_invoice = 1

)

select
    tellings.charge_id,
    tellings.basis,
    tellings.expected
from tellings
left join spoken on tellings.payment_id is not distinct from spoken.payment_id
inner join practices
    on
        tellings.basis = practices.basis
        and practices.is_invoice = case when spoken.payment_id is null then 0 else 1 end
        and (practices.is_invoice = 0 or tellings.payment_id = practices.payment_id)
