{#- Taken back in whole, charge by charge or several at once; or in part, until nothing is left of the charge. -#}
{%- set roles = [
    ('settled', 'charge_id', 'credit_id', 'several_credits'),
    ('settled', 'credit_id', 'charge_id', 'several_credits'),
    ('credited', 'charge_id', 'credit_id', 'part_credits'),
    ('part', 'credit_id', 'charge_id', 'part_credits'),
] -%}
with

entries as (
    {%- for role, charge_id, other_id, relation in roles %}
        {{ 'union all' if not loop.first }}
        select
            '{{ role }}' as role,
            {{ charge_id }} as charge_id,
            {{ other_id }} as other_id,
            {{ 'credited' if role == 'credited' else 'cast(null as decimal(38, 24)) as credited' }}
        from {{ ref(relation) }}
    {%- endfor %}

),

credited as (

    select
        charge_id,
        min(case when role = 'settled' then other_id end) as settled_by,
        max(case when role = 'part' then other_id end) as part_of,
        min(case when role = 'credited' then other_id end) as credited_by,
        sum(credited) as credited
    from entries
    group by charge_id

),

-- Two charges that name neither an order nor an item may be two of a kind; storage of a period is one.
charges as (

    select
        charges.*,
        credited.settled_by,
        credited.part_of,
        credited.credited_by,
        credited.credited,
        case when charges.charge_type = 'storage' then charges.start_date end as period,
        not charges.is_credit and credited.settled_by is null
        and (charges.party <> '' or charges.charge_type = 'storage') as is_standing
    from {{ ref('charge_parties') }} as charges
    left join credited on charges.charge_id = credited.charge_id

),

placed as (

    select
        *,
        case when is_standing then nullif(min(case when is_standing then charge_id end) over (
            partition by charge_type, party, item_id, start_date, end_date, size
        ), charge_id) end as duplicate_of,
        max(case when settled_by is not null and not is_credit then charge_id end) over same as replaced_id,
        min(case when is_standing then charge_id end) over same as first_id
    from charges
    window same as (partition by charge_type, party, period)

)

-- Billed again in place of a charge that was taken back: the first that stands for the same.
select
    charge_id,
    settled_by,
    part_of,
    credited,
    credited_by,
    case when charge_id = first_id then replaced_id end as replaces,
    duplicate_of
from placed
where
    coalesce(settled_by, part_of, credited_by, duplicate_of) is not null
    or (charge_id = first_id and replaced_id is not null)
