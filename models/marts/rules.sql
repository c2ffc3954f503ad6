{#- Verdicts in the order in which they are tried. A new one also needs a condition (int_charge_audit_results). -#}
{%- set if_asked, if_stated, too_low = 'letter', 'letter_if_stated', 'letter_if_too_low' -%}
{%- set rules = [
    ('settled_credit', 'settled', {'evidence': 'It credits charge {other}.'}),
    ('settled_charge', 'settled', {'evidence': 'Charge {other} credits it.'}),
    ('part_credit', 'matched', {'evidence': 'It credits a part of charge {other}.'}),
    ('duplicate_charge', 'exception', {'is_question': true, 'direction': 'recoverable',
        'evidence': 'Charge {other} already has its type, description, quantity{about}, period and amount;'
        ~ ' {alike} {type} charges are repeated.',
        if_asked: 'Please credit it, or tell us what the second charge is for.'}),
    ('no_amount', 'not_checked', {'evidence': '{why_not}'}),
    ('lone_credit', 'not_checked',
        {'evidence': 'It is a credit, and no charge of its type, order or item, period and amount was found.'}),
    ('no_cost', 'not_checked', {'evidence': 'Nothing was charged.'}),
    ('cancelled_order', 'exception', {'is_question': false, 'direction': 'recoverable',
        'evidence': 'Order {order} was cancelled and never shipped.',
        if_asked: 'Please credit it, or show us that the order left.'}),
    ('unknown_order', 'exception', {'is_question': false, 'direction': 'recoverable',
        'evidence': 'The account has no order {order}.',
        if_asked: 'Please tell us which order it is for, or credit it.'}),
    ('storage_as_expected', 'matched', {'evidence': 'Billed {billed}; by {basis} it is {expected} ({span}).'}),
    ('storage_corrected', 'settled',
        {'evidence': 'Charge {other} credits {credited} of it, and the rest is as expected.'}),
    ('storage_addition', 'not_checked',
        {'evidence': 'Another charge already bills {span} by {basis}; nothing says what this addition should be.'}),
    ('storage_unexplained', 'not_checked', {'evidence': 'No basis explains 60 % of the storage charges that are billed'
        ~ ' with it; the best, {basis}, explains {alike}.'}),
    ('storage_overbilled', 'exception', {'direction': 'recoverable',
        'evidence': 'Billed {billed}; by {basis} it is {expected} ({span}). {alike} storage charges billed with it follow'
        ~ ' that basis.',
        if_asked: 'Please credit the difference, or tell us by which volume and price you reckon.'}),
    ('storage_underbilled', 'exception', {'direction': 'in_your_favour',
        'evidence': 'Billed {billed}; by {basis} it is {expected} ({span}). {alike} storage charges billed with it follow'
        ~ ' that basis.',
        if_asked: 'Please tell us by which volume and price you reckon, and correct it.'}),
    ('missing_charge', 'exception', {'is_question': true, 'direction': 'in_your_favour',
        'evidence': 'Order {order} was completed on {days} and has no charge of type {type}; {alike} others of its kind'
        ~ ' ({about}) completed in that month have one, of {expected} by the median.',
        if_asked: 'Please tell us whether it is still to come.'}),
    ('outside_period', 'exception', {'is_question': true, 'direction': 'recoverable',
        'evidence': 'It is for {days}; invoice {invoice} is for {period}.',
        if_asked: 'Please tell us why it stands on this invoice, or credit it.'}),
    ('price_as_expected', 'matched', {'evidence': '{type} {price}, as expected: {rests_on}.',
        'evidence_if_stated': 'By your rate card, {type} {price}.'}),
    ('corrected', 'settled', {'evidence': 'Charge {other} credits {credited} of it, and the rest is as expected.'}),
    ('unsure_price', 'not_checked', {'evidence': '{why_not}'}),
    ('rate_deviation', 'exception', {
        'evidence': 'Billed {billed}; other charges suggest that {type} {price}: {rests_on}. Is there a reason?',
        'evidence_if_stated': 'Billed {billed}; by your rate card, {type} {price}.',
        if_asked: 'Please tell us which price applies, and since when; if it is that one, credit the difference.',
        if_stated: 'Please credit the difference to the agreed price.',
        too_low: 'Please tell us what is right, and correct it.'}),
    ('storage_price_gap', 'not_checked', {'evidence': 'No storage price for {why_not}.'}),
    ('storage_without_days', 'not_checked', {'evidence': 'It does not say which days it is for.'}),
    ('billed_again', 'not_checked', {'evidence': 'It is billed again in place of charge {other}.'}),
    ('no_type', 'not_checked', {'evidence': 'It has no type, so nothing says what it should cost.'}),
    ('no_price', 'not_checked', {'evidence': '{why_not}'}),
] -%}
{%- set texts = ['evidence', 'evidence_if_stated', 'letter', 'letter_if_stated', 'letter_if_too_low'] -%}
{%- for rule, status, more in rules %}
select
    '{{ rule }}' as rule,
    {{ 10 * loop.index }} as precedence,
    '{{ status }}' as status,
    cast({{ more.get('is_question', 'null') | lower }} as boolean) as is_question,
    {{ text("'" ~ more.direction ~ "'" if more.direction else 'null') }} as direction
    {%- for name in texts %},
    {{ text("'" ~ more[name] ~ "'" if more[name] else 'null') }} as {{ name }}
    {%- endfor %}
{{ 'union all' if not loop.last }}
{%- endfor %}
