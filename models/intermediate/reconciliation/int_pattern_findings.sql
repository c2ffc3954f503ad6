{%- set week = "cast(date_trunc('week', start_date) as date)" -%}
with

charges as (

    select
        rule,
        charge_type,
        warehouse_id,
        start_date,
        amount_at_stake
    from {{ ref('invoice_reconciliation') }}
    where billed > 0
    union all
    select
        'missing_charge' as rule,
        charge_type,
        warehouse_id,
        completed_date as start_date,
        expected as amount_at_stake
    from {{ ref('int_missing_charges') }}

),

cells as (

    {%- for dimension, column in {'charge_type': 'charge_type', 'warehouse': 'warehouse_id', 'week': week}.items() %}
        select
            '{{ dimension }}' as dimension,
            {{ text(column) }} as member,
            rule,
            count(*) as charges,
            sum(amount_at_stake) as amount
        from charges
        where {{ column }} is not null
        group by {{ column }}, rule
                {{ 'union all' if not loop.last }}
    {%- endfor %}

),

sums as (

    select
        *,
        sum(charges) over (partition by dimension, member) as member_charges,
        sum(charges) over (partition by dimension, rule) as rule_charges,
        sum(charges) over (partition by dimension) as all_charges
    from cells

)

-- A pattern: at least 10 hits, at least 10 % of the group's charges, and five times the rate of all others.
select
    {{ finding(
        'systemic_pattern', "rule || '-' || dimension || '-' || member",
        "rule || ' hits ' || charges || ' of ' || member_charges || ' charges of ' || dimension || ' ' || member || ', and '"
        ~ " || (rule_charges - charges) || ' of ' || (all_charges - member_charges) || ' others.'",
        {'rule': 'rule', 'dimension': 'dimension', 'member': 'member', 'hits': ['charges'],
        'charges': ['member_charges'], 'other_hits': ['rule_charges - charges'],
        'other_charges': ['all_charges - member_charges']},
        {'rule': 'rule', 'occurrences': 'charges', 'amount': 'amount',
        'charge_type': "case when dimension = 'charge_type' then member end",
        'warehouse_id': "case when dimension = 'warehouse' then member end",
        'start_date': "case when dimension = 'week' then member end"}
    ) }}
from sums
where
    rule is not null
    and charges >= 10
    and charges >= 0.1 * member_charges
    and all_charges - member_charges >= 30
    and charges * (all_charges - member_charges) >= 5 * (rule_charges - charges) * member_charges
    -- Storage rules apply only to storage, so that is not a pattern.
    and not (dimension = 'charge_type' and rule like 'storage%')
