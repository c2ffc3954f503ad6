{#- In three steps, ever less strict, what is left of the credits meets what is left of the charges. -#}
{%- set steps = [
    ['equal', ['charge_type', 'party', 'item_id', 'start_date', 'end_date', 'size'], 'charge_id'],
    ['dated_otherwise', ['charge_type', 'party', 'size'], 'copies desc, start_date desc nulls last, charge_id desc'],
    ['typed_otherwise', ['party', 'size'], 'copies desc, start_date desc nulls last, charge_id desc'],
] -%}

with

credits as (

    select * from {{ ref('charge_parties') }}
    where is_credit

),

-- Once for several steps: what is for a party that has a credit, and how often it stands.
creditable as (

    select
        charges.*,
        count(*) over (
            partition by
                charges.charge_type, charges.party, charges.item_id, charges.start_date, charges.end_date, charges.size
        ) as copies
    from {{ ref('charge_parties') }} as charges
    inner join (select distinct party from credits) as parties on charges.party = parties.party
    where not charges.is_credit

),

matched_0 as (

    select
        cast(null as bigint) as credit_id,
        cast(null as bigint) as charge_id
    where false

)

{%- for name, keys, order in steps %}
    {%- set before = 'matched_' ~ loop.index0 %},

    left_credits_{{ loop.index }} as (

        select
            *,
            row_number() over (partition by {{ keys | join(', ') }} order by charge_id) as place
        from credits
        where
            not exists (select 1 from {{ before }} as matched where matched.credit_id = credits.charge_id)
            {%- if 'charge_type' not in keys %}
                -- A credit of a type that its party was charged is about that type.
                and party <> '' and not exists (
                    select 1 from creditable
                    where creditable.charge_type = credits.charge_type and creditable.party = credits.party
                )
            {%- endif %}

    ),

    left_charges_{{ loop.index }} as (

        select
            *,
            row_number() over (partition by {{ keys | join(', ') }} order by {{ order }}) as place
        from creditable
        where not exists (select 1 from {{ before }} as matched where matched.charge_id = creditable.charge_id)

    ),

    -- The first credit of a kind meets its first charge, the second its second.
    matched_{{ loop.index }} as (

        select * from {{ before }}
        union all
        select
            credit.charge_id as credit_id,
            charge.charge_id
        from left_credits_{{ loop.index }} as credit
        inner join left_charges_{{ loop.index }} as charge
            on
                credit.place = charge.place
                {%- for key in keys %} and credit.{{ key }}
                {{- ' is not distinct from ' if key in ('item_id', 'start_date', 'end_date') else ' = ' }}charge.{{ key }}
                {%- endfor %}

    )
{%- endfor %}

select * from matched_3
