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
        is_question,
        reason as evidence,
        evidence_json,
        billed_date
    from {{ ref('invoice_reconciliation') }}
    where status = 'exception'
    union all
    select
        'order-' || order_id || '-' || charge_type || '-missing_charge' as exception_id,
        cast(null as bigint) as charge_id,
        payment_id,
        'missing_charge' as rule,
        charge_type,
        order_id,
        cast(null as bigint) as item_id,
        warehouse_id,
        completed_date as start_date,
        completed_date as end_date,
        0 as billed,
        expected,
        expected as amount_at_stake,
        false as is_question,
        'Order ' || order_id || ' was completed on ' || completed_date || ' and has no charge of type ' || charge_type
        || '; ' || having_it || ' of ' || peers || ' others completed in that month have one, of '
        || {{ money('median_amount') }} || ' by the median.' as evidence,
        {{ json_text({
            'rule': "'missing_charge'", 'charge_type': 'charge_type', 'order_id': ['order_id'],
            'payment_id': ['payment_id'], 'completed_date': 'completed_date', 'peers': ['peers'],
            'peers_having_it': ['having_it'], 'median_amount': ['median_amount'], 'expected': ['expected'],
        }) }} as evidence_json,
        billed_date
    from {{ ref('missing_charges') }}

)

select
    exception_id,
    charge_id,
    payment_id,
    rule,
    amount_at_stake,
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
