{%- set span = "coalesce('item ' || item_id, 'all items') || ', ' || start_date || ' to ' || end_date" -%}
{%- set sentence = 'case when is_stated then coalesce(evidence_if_stated, evidence) else evidence end' -%}
with

stated as (

    select
        checks.*,
        results.verdict,
        results.status,
        results.rule,
        results.expected,
        results.at_stake,
        results.rule_direction,
        rules.evidence,
        rules.evidence_if_stated,
        -- `is_stated`: the expected amount comes from the user's card or a setting, not from the bills.
        case
            when results.rule_is_question is not null then not results.rule_is_question
            when results.verdict like 'storage%' then storage_basis = {{ configured_basis() }} or not is_storage_explained
            else coalesce(is_price_contract, false)
        end as is_stated,
        case
            when is_amount_unreadable then 'Its amount could not be read: see rejected_values.'
            when amount is null then 'It has no amount.'
            when missing_days is not null then missing_days
            when why_not is not null then why_not
            when known_order_id is not null
                then 'Order ' || known_order_id || ' is known; no rate card says what ' || charge_type || ' costs.'
            else 'There is no rule for charges of type ' || charge_type || '.'
        end as not_checked_because
    from {{ ref('int_charge_evidence') }} as checks
    inner join {{ ref('int_charge_audit_results') }} as results on checks.charge_id = results.charge_id
    inner join {{ ref('rules') }} as rules on results.verdict = rules.rule

),

written as (

    select
        *,
        -- Most charges are as expected; their sentence has few placeholders, so filling it is cheap.
        case when verdict = 'price_as_expected' then {{ filled(sentence, {
            'type': 'charge_type', 'price': 'price', 'rests_on': 'rests_on',
        }) }}
        else {{ filled(sentence, {
            'billed': money('amount'), 'expected': money('expected'), 'credited': money('credited'),
            'type': 'charge_type', 'order': 'known_or_named_order', 'invoice': 'payment_id',
            'other': 'coalesce(duplicate_of, settled_by, part_of, credited_by, replaces)',
            'about': "coalesce(', order ' || order_id, '') || coalesce(', item ' || item_id, '')",
            'alike': "case when verdict like 'storage%' then storage_explained || ' of ' || storage_charges"
                ~ " else repeated_of_type || ' of ' || charges_of_type end",
            'basis': basis_words('storage_basis'), 'span': span,
            'days': "start_date || case when end_date > start_date then ' to ' || end_date else '' end",
            'period': "period_start || ' to ' || period_end || case period_source when 'storage' then ' by its storage'"
                ~ " when 'month' then ', the month before it was billed' else ', as ' || cast(floor(100 * period_share) as integer)"
                ~ " || ' % of the charges on such invoices' end",
            'price': 'price', 'rests_on': 'rests_on', 'why_not': 'not_checked_because',
        }) }} end as reason
    from (
        select
            *,
            coalesce(order_id, known_order_id) as known_or_named_order
        from stated
    ) as ordered

)

select
    charge_id,
    payment_id,
    charge_type,
    order_id,
    item_id,
    warehouse_id,
    start_date,
    end_date,
    billed_date,
    is_billed,
    amount as billed,
    expected,
    amount - expected as difference,
    credited,
    status,
    rule,
    reason,
    case when rule is not null then at_stake end as amount_at_stake,
    case
        when rule is null then null
        when rule_direction is not null then rule_direction
        when net_amount < expected then 'in_your_favour'
        else 'recoverable'
    end as direction,
    rule is not null and not is_stated as is_question,
    case when rule is not null then {{ json_text({
        'rule': 'rule', 'charge_id': ['charge_id'], 'payment_id': ['payment_id'],
        'charge_type': 'charge_type', 'order_id': ['order_id'], 'item_id': ['item_id'],
        'start_date': 'start_date', 'end_date': 'end_date',
        'billed': [money('amount')], 'expected': [money('expected')],
        'at_stake': [money('at_stake')], 'credited': [money('credited')],
        'original_charge_id': ['duplicate_of'], 'credited_by': ['credited_by'],
        'days': ['days'], 'basis': "case when rule like 'storage%' then storage_basis end",
        'following': ["case when rule like 'storage%' then storage_explained end"],
        'compared': ["case when rule like 'storage%' then storage_charges end"],
        'period_start': "case when rule = 'outside_period' then period_start end",
        'period_end': "case when rule = 'outside_period' then period_end end",
        'price': ["case when rule = 'rate_deviation' then terms_json end"],
        'rests_on': "case when rule = 'rate_deviation' then rests_on end",
    }) }} end as evidence_json,
    is_unallocated,
    is_amount_unreadable
from written
