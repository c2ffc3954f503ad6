{#- A price with more periods than this follows a schedule (fuel, weekly); this many similar charges are a pattern. -#}
{%- set most_changes, charges_alike = 6, 10 -%}
with

prices as (

    select
        charge_type,
        segment,
        tier,
        formula,
        valid_from,
        valid_to,
        lag(formula) over by_time as formula_before,
        lag(formula, 2) over by_time as formula_earlier,
        lead(formula) over by_time as formula_after
    from {{ ref('learned_prices') }}
    where source = 'learned' and is_trusted
    window by_time as (partition by charge_type, segment, tier order by valid_from)

),

-- A price that is changed back later, such as a promotion or a seasonal price, is one change.
changes as (

    select
        charge_type,
        valid_from,
        min({{ price_scope('segment', 'tier') }}) as segment,
        count(*) as segments,
        min(formula) as formula,
        min(formula_before) as formula_before,
        max(case when formula_after = formula_before then valid_to end) as until,
        count(*) over (partition by charge_type) as changes
    from prices
    where formula <> formula_before and formula is distinct from formula_earlier
    group by charge_type, valid_from

),

off as (

    select
        facts.charge_type,
        facts.charge_id,
        facts.charge_date,
        cast(facts.amount - prices.expected as {{ money_type() }}) as difference
    from {{ ref('int_charge_facts') }} as facts
    inner join {{ ref('charge_prices') }} as prices on facts.charge_id = prices.charge_id
    inner join {{ ref('learned_prices') }} as learned on prices.price_id = learned.price_id
    where
        facts.set_aside is null and not prices.is_trusted and learned.source = 'learned'
        and abs(facts.amount - prices.expected) > prices.tolerance

),

alike as (

    select
        off.charge_type,
        off.difference,
        count(*) as occurrences,
        sum(off.difference) as amount,
        min(off.charge_date) as start_date,
        max(off.charge_date) as end_date,
        max(types.charges) as charges
    from off
    inner join (
        select
            charge_type,
            count(charge_id) as charges
        from {{ ref('int_charge_facts') }}
        group by charge_type
    ) as types on off.charge_type = types.charge_type
    group by off.charge_type, off.difference
    having count(*) >= {{ charges_alike }}

)

select
    {{ finding(
        'rate_change', "charge_type || '-' || valid_from",
        "case when until is null then 'Since ' || valid_from else 'From ' || valid_from || ' to ' || until end || ' ' "
        ~ "|| charge_type || case when segments > 1 then ' (for ' || segments || ' kinds of order)' when segment <> '' "
        ~ "then ' (' || segment || ')' else '' end || ' costs ' || formula || '; before, ' || formula_before "
        ~ "|| case when until is null then '. Was it agreed?' else ', as afterwards. Was it agreed?' end",
        {'charge_type': 'charge_type', 'valid_from': 'valid_from', 'valid_to': 'until', 'formula': 'formula',
        'formula_before': 'formula_before'},
        {'charge_type': 'charge_type', 'start_date': 'valid_from', 'end_date': 'until', 'occurrences': 'segments'}
    ) }}
from changes
where changes <= {{ most_changes }}
union all
select
    {{ finding(
        'rate_change', 'charge_type',
        "'The price of ' || charge_type || ' changed ' || count(*) || ' times from ' || min(valid_from) || ' to ' "
        ~ "|| max(valid_from) || ': see rate_card.'",
        {'charge_type': 'charge_type', 'changes': ['count(*)']},
        {'charge_type': 'charge_type', 'start_date': 'min(valid_from)', 'end_date': 'max(valid_from)',
        'occurrences': 'count(*)'}
    ) }}
from changes
where changes > {{ most_changes }}
group by charge_type
union all
select
    {{ finding(
        'price_pattern', "charge_type || '-' || " ~ money('difference'),
        "occurrences || ' of ' || charges || ' ' || charge_type || ' charges are ' || " ~ money('abs(difference)')
        ~ " || case when difference > 0 then ' higher' else ' lower' end || ' than their price, ' || "
        ~ money('abs(amount)') ~ " || ' in all. They were not taken for errors.'",
        {'charge_type': 'charge_type', 'charges': ['charges'], 'alike': ['occurrences'],
        'difference': [money('difference')], 'amount': [money('amount')]},
        {'charge_type': 'charge_type', 'start_date': 'start_date', 'end_date': 'end_date', 'occurrences': 'occurrences',
        'amount': 'amount'}
    ) }}
from alike
