-- depends_on: {{ ref('int_previous_exceptions') }}
with

exceptions as (

    select
        charge_id || '-' || rule as exception_id,
        charge_id,
        payment_id,
        rule,
        charge_type,
        order_id,
        item_id,
        warehouse_id,
        start_date,
        end_date,
        billed,
        expected,
        amount_at_stake,
        direction,
        is_question,
        reason as evidence,
        evidence_json,
        billed_date
    from {{ ref('invoice_reconciliation') }}
    where status = 'exception'
    union all
    select
        'order-' || missing.order_id || '-' || missing.charge_type || '-missing_charge' as exception_id,
        cast(null as bigint) as charge_id,
        missing.payment_id,
        rules.rule,
        missing.charge_type,
        missing.order_id,
        cast(null as bigint) as item_id,
        missing.warehouse_id,
        missing.completed_date as start_date,
        missing.completed_date as end_date,
        0 as billed,
        missing.expected,
        missing.expected as amount_at_stake,
        rules.direction,
        rules.is_question,
        {{ filled('rules.evidence', {
            'order': 'missing.order_id', 'days': 'missing.completed_date', 'type': 'missing.charge_type',
            'alike': "missing.having_it || ' of ' || missing.peers", 'about': 'missing.kind',
            'expected': money('missing.median_amount'),
        }) }} as evidence,
        {{ json_text({
            'rule': 'rules.rule', 'charge_type': 'missing.charge_type', 'order_id': ['missing.order_id'],
            'payment_id': ['missing.payment_id'], 'completed_date': 'missing.completed_date',
            'kind': 'missing.kind', 'peers': ['missing.peers'], 'peers_having_it': ['missing.having_it'],
            'median_amount': ['missing.median_amount'], 'expected': ['missing.expected'],
        }) }} as evidence_json,
        missing.billed_date
    from {{ ref('int_missing_charges') }} as missing
    inner join {{ ref('rules') }} as rules on rules.rule = 'missing_charge'

)

select
    exception_id,
    charge_id,
    payment_id,
    rule,
    amount_at_stake,
    direction,
    evidence,
    evidence_json,
    is_question,
    charge_type,
    order_id,
    item_id,
    warehouse_id,
    start_date,
    end_date,
    billed,
    expected,
    billed_date,
    {{ days_after('billed_date', setting('dispute_days')) }} as dispute_until
from exceptions
