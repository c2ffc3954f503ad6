{#- A credit takes back one or several charges in full, or a part of one until nothing of it is left. -#}
{#- A type is billed line by line if more than this share repeats on its invoice with all fields equal. -#}
{%- set practice_share, practice_charges = 0.05, 3 -%}
{%- set roles = [
    ('settled', 'charge_id', 'credit_id', 'matched'),
    ('settled', 'credit_id', 'charge_id', 'matched'),
    ('credited', 'charge_id', 'credit_id', 'part_credits'),
    ('part', 'credit_id', 'charge_id', 'part_credits'),
] -%}
with

matched as (

    select * from {{ ref('int_credit_matches') }}

),

left_over as (

    select * from {{ ref('int_charge_parties') }} as charges
    where
        {{ is_left_over('charges', 'matched') }}

),

choices as (

    select
        credit.charge_id as credit_id,
        credit.size as credited,
        charge.charge_id,
        row_number() over (
            partition by credit.charge_id
            order by
                case when charge.charge_type = credit.charge_type then 0 else 1 end,
                case when charge.start_date = credit.start_date and charge.end_date = credit.end_date then 0 else 1 end,
                charge.charge_id
        ) as choice
    from left_over as credit
    inner join left_over as charge
        on
            credit.party = charge.party
            and credit.size < charge.size
            -- Match credits for the whole account by their days.
            and (
                credit.party <> '' or (
                    credit.charge_type = charge.charge_type
                    and credit.start_date = charge.start_date and credit.end_date = charge.end_date
                )
            )
    where credit.is_credit and not charge.is_credit

),

-- Credits that take back part of a charge.
part_credits as (

    select
        credit_id,
        charge_id,
        credited
    from choices
    where choice = 1

),

entries as (
    {%- for role, charge_id, other_id, relation in roles %}
        {{ 'union all' if not loop.first }}
        select
            '{{ role }}' as role,
            {{ charge_id }} as charge_id,
            {{ other_id }} as other_id,
            {{ 'credited' if role == 'credited' else 'cast(null as decimal(38, 24)) as credited' }}
        from {{ relation }}
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

-- Two charges without an order and an item may both be right; storage charges for one period may not.
charges as (

    select
        charges.*,
        credited.settled_by,
        credited.part_of,
        credited.credited_by,
        credited.credited,
        case when charges.charge_type = 'storage' then charges.start_date end as period,
        not charges.is_credit and credited.settled_by is null
        and (charges.party <> '' or charges.charge_type = 'storage') as is_standing,
        case when charges.charge_type = 'unknown' then 0 else 1 end as has_type
    from {{ ref('int_charge_parties') }} as charges
    left join credited on charges.charge_id = credited.charge_id

),

placed as (

    select
        *,
        case
            when is_standing and has_type = 1
                then nullif(min(case when is_standing then charge_id end) over alike, charge_id)
        end as repeats,
        case when is_standing and has_type = 1 then row_number() over (
            partition by
                charge_type, description, quantity, party, item_id, start_date, end_date, size, is_standing, payment_id
            order by charge_id
        ) - 1 end as earlier_on_invoice,
        max(case when settled_by is not null and not is_credit then charge_id end) over same as replaced_id,
        min(case when is_standing then charge_id end) over same as first_id
    from charges
    window
        same as (partition by charge_type, party, period),
        alike as (partition by charge_type, description, quantity, party, item_id, start_date, end_date, size)

),

types as (

    select
        charge_type,
        count(*) as charges_of_type,
        sum(case when earlier_on_invoice > 0 then 1 else 0 end) as repeated_of_type
    from placed
    where is_standing
    group by charge_type

),

judged as (

    select
        placed.*,
        types.charges_of_type,
        types.repeated_of_type,
        placed.earlier_on_invoice > 0 and types.repeated_of_type >= {{ practice_charges }}
        and types.repeated_of_type > {{ practice_share }} * types.charges_of_type as is_practice
    from placed
    left join types on placed.charge_type = types.charge_type

)

-- A charge billed again in place of a credited one: the first with the same content.
select
    charge_id,
    settled_by,
    part_of,
    credited,
    credited_by,
    case when charge_id = first_id then replaced_id end as replaces,
    case when not is_practice then repeats end as duplicate_of,
    case when is_practice then repeats end as repeats,
    charges_of_type,
    repeated_of_type
from judged
where
    coalesce(settled_by, part_of, credited_by, repeats) is not null
    or (charge_id = first_id and replaced_id is not null)
