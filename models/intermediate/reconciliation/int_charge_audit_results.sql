{#- The condition of each rule, in the order in which rules are tried. -#}
{%- set holds = {
    'settled_credit': "(settled_by is not null or (net_amount = 0 and credited > 0)) and amount < 0",
    'settled_charge': "(settled_by is not null or (net_amount = 0 and credited > 0)) and amount > 0",
    'part_credit': 'part_of is not null',
    'duplicate_charge': 'duplicate_of is not null',
    'no_amount': 'amount is null',
    'lone_credit': 'amount < 0',
    'no_cost': 'amount = 0 and storage_expected is null',
    'cancelled_order': 'is_cancelled',
    'unknown_order': 'is_unknown_order',
    'storage_as_expected': 'not ' ~ is_misbilled('amount', 'storage_expected')
        ~ ' or not ' ~ is_misbilled('amount', 'storage_configured'),
    'storage_corrected': 'credited > 0 and not ' ~ is_misbilled('net_amount', 'storage_expected'),
    'storage_addition': 'is_storage_addition',
    'storage_unexplained': 'storage_expected is not null and not is_storage_explained and not is_storage_contract',
    'storage_overbilled': 'net_amount > storage_expected',
    'storage_underbilled': 'net_amount < storage_expected',
    'outside_period': 'is_outside',
    'price_as_expected': 'is_fit',
    'corrected': 'credited > 0 and is_net_fit',
    'unsure_price': 'price_expected is not null and not is_sure',
    'rate_deviation': 'price_expected is not null',
    'storage_price_gap': 'missing_days is not null',
    'storage_without_days': 'is_storage',
    'billed_again': 'replaces is not null',
    'no_type': "charge_type = 'unknown'",
    'no_price': 'true',
} -%}
with

-- Evaluate the rules in the order of their table; the first that applies to a charge wins.
first_rules as (

    select
        charge_id,
        amount,
        net_amount,
        storage_expected,
        price_expected,
        part_of,
        case
            {%- for rule, condition in holds.items() %}
            when {{ condition }} then '{{ rule }}'
            {%- endfor %}
        end as rule
    from {{ ref('int_charge_evidence') }}

),

results as (

    select
        checks.charge_id,
        checks.amount,
        checks.part_of,
        rules.rule as verdict,
        rules.status,
        case when rules.status = 'exception' then rules.rule end as rule,
        cast(case
            when rules.rule in ('settled_credit', 'settled_charge') then checks.amount
            when rules.rule in ('duplicate_charge', 'cancelled_order', 'unknown_order', 'outside_period') then 0
            when rules.rule in ('storage_unexplained', 'storage_addition', 'unsure_price', 'part_credit') then null
            when checks.storage_expected is not null then checks.storage_expected
            when rules.rule = 'corrected' then checks.net_amount
            -- An earlier price is correct if the order is from that time.
            when rules.rule = 'price_as_expected' then checks.amount
            else checks.price_expected
        end as {{ money_type() }}) as expected,
        case when rules.status = 'exception' then abs(checks.net_amount - case
            when rules.rule in ('duplicate_charge', 'cancelled_order', 'unknown_order', 'outside_period') then 0
            else coalesce(checks.storage_expected, checks.price_expected)
        end) end as at_stake,
        rules.direction as rule_direction,
        rules.is_question as rule_is_question
    from first_rules as checks
    inner join {{ ref('rules') }} as rules on checks.rule = rules.rule

)

-- The expected amount of a charge is net of its credits, so partial credits have no expected amount of their own.
select
    results.charge_id,
    results.verdict,
    results.status,
    results.rule,
    case
        when results.verdict <> 'part_credit' then results.expected
        when charges.expected is null or charges.verdict = 'settled_charge' then cast(results.amount as {{ money_type() }})
        else cast(0 as {{ money_type() }})
    end as expected,
    results.at_stake,
    results.rule_direction,
    results.rule_is_question
from results
left join results as charges on results.part_of = charges.charge_id
