{#- Match the remaining credits with the remaining charges in three steps, each less strict than the one before. -#}
{%- set nearest = 'copies desc, start_date desc nulls last, charge_id desc' -%}
{%- set steps = [
    (['charge_type', 'party', 'item_id', 'start_date', 'end_date', 'size'], 'charge_id'),
    (['charge_type', 'party', 'size'], nearest),
    (['party', 'size'], nearest),
] -%}

with

charges as (

    select * from {{ ref('int_charge_parties') }}

),

-- For each party that has a credit: how often each kind of charge occurs, and whether the party was charged that type
-- at all.
creditable as (

    select
        *,
        count(*) over (partition by charge_type, party, item_id, start_date, end_date, size, is_credit) as copies,
        max(case when is_credit then 0 else 1 end) over (partition by charge_type, party) as is_charged
    from charges
    where party in (select charges.party from charges where charges.is_credit)

),

matched_0 as (

    select
        cast(null as bigint) as credit_id,
        cast(null as bigint) as charge_id
    where false

)

{%- for keys, order in steps %}
    {%- set before = 'matched_' ~ loop.index0 %},

    left_over_{{ loop.index }} as (

        select
            *,
            row_number() over (
                partition by is_credit, {{ keys | join(', ') }}
                order by case when is_credit then charge_id end, {{ order }}
            ) as place
        from creditable
        where
            {{ is_left_over('creditable', before) }}
            {%- if 'charge_type' not in keys %}
                -- A credit refers to its own type if the party was charged that type.
                and (not is_credit or party <> '' and is_charged = 0)
            {%- endif %}

    ),

    -- Pair the first credit of a kind with its first charge, the second with its second, and so on.
    matched_{{ loop.index }} as (

        select * from {{ before }}
        union all
        select
            credit.charge_id as credit_id,
            charge.charge_id
        from left_over_{{ loop.index }} as credit
        inner join left_over_{{ loop.index }} as charge
            on
                credit.place = charge.place
                {%- for key in keys %} and credit.{{ key }}
                {{- ' is not distinct from ' if key in ('item_id', 'start_date', 'end_date') else ' = ' }}charge.{{ key }}
                {%- endfor %}
        where credit.is_credit and not charge.is_credit

    )
{%- endfor %}

select * from matched_{{ steps | length }}
