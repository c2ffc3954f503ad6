with

found as (

    select
        exception_id,
        charge_id,
        payment_id,
        rule,
        amount_at_stake,
        direction,
        is_question,
        evidence,
        charge_type,
        start_date,
        billed_date,
        dispute_until
    from {{ ref('invoice_exceptions') }}

),

-- The last decision on each exception.
numbered as (

    select
        log.event_id,
        log.exception_id,
        log.status,
        log.note,
        log.set_by,
        log.set_at,
        log.charge_id,
        log.payment_id,
        log.rule,
        log.amount_at_stake,
        -- Earlier versions wrote null for a charge without a type.
        coalesce(log.charge_type, 'unknown') as charge_type,
        log.order_id,
        log.item_id,
        log.amount,
        log.quantity,
        log.start_date,
        log.end_date,
        row_number() over (partition by log.exception_id order by log.set_at desc, log.event_id desc) as recency
    from {{ ref('stg_exception_log') }} as log

),

last_decisions as (

    select * from numbered
    where recency = 1

),

-- If a credit settles the first of two equal charges, the second is no longer a duplicate, so it counts as credited
-- too.
credits as (

    select
        charge_type,
        order_id,
        item_id,
        start_date,
        end_date,
        amount,
        max(charge_id) as charge_id
    from {{ ref('charges') }}
    where amount < 0 and not is_withdrawn
    group by charge_type, order_id, item_id, start_date, end_date, amount

),

arrived_charges as (

    select
        order_id,
        charge_type,
        min(charge_id) as charge_id
    from {{ ref('charges') }}
    where amount > 0 and not is_withdrawn
    group by order_id, charge_type

),

-- The decision on each exception, and whether and how its charge was restated or credited since.
decisions as (

    select
        latest.exception_id,
        latest.charge_id,
        latest.payment_id,
        latest.charge_type,
        latest.start_date,
        latest.rule,
        latest.amount_at_stake,
        latest.status,
        latest.note,
        latest.set_by,
        latest.set_at,
        case when checked.status = 'settled' then checked.reason end as settlement,
        'Charge ' || credits.charge_id || ' credits it.' as equal_credit,
        case
            when latest.charge_id is null then 'charge ' || arrived.charge_id || ' has arrived'
            when charges.charge_id is null or charges.is_withdrawn then 'the charge was withdrawn'
            else {{ restated('latest', 'charges') }}
        end as restatement
    from last_decisions as latest
    left join {{ ref('charges') }} as charges on latest.charge_id = charges.charge_id
    left join {{ ref('invoice_reconciliation') }} as checked on latest.charge_id = checked.charge_id
    left join credits
        on
            latest.charge_type is not distinct from credits.charge_type
            and latest.order_id is not distinct from credits.order_id
            and latest.item_id is not distinct from credits.item_id
            and latest.start_date is not distinct from credits.start_date
            and latest.end_date is not distinct from credits.end_date
            and latest.amount = 0 - credits.amount
    -- Only missing charges: these exceptions have an order and no charge.
    left join arrived_charges as arrived
        on latest.charge_id is null and latest.order_id = arrived.order_id and latest.charge_type = arrived.charge_type

),

-- Exceptions of the last build that are gone although neither a credit nor a change of the charge explains it. They are
-- shown once, with the current result of the charge.
withdrawn as (

    select
        before.*,
        checked.reason
    from {{ ref('int_previous_exceptions') }} as before
    left join {{ ref('invoice_reconciliation') }} as checked on before.charge_id = checked.charge_id
    left join {{ ref('int_order_charges') }} as arrived
        on before.charge_id is null and before.order_id = arrived.order_id and before.charge_type = arrived.charge_type
    where
        before.exception_id not in (select found.exception_id from found)
        and before.exception_id not in (select decisions.exception_id from decisions)
        and arrived.order_id is null
        and (before.charge_id is null or checked.status <> 'settled')

),

joined as (

    select
        coalesce(found.exception_id, decisions.exception_id) as exception_id,
        coalesce(found.charge_id, decisions.charge_id) as charge_id,
        coalesce(found.payment_id, decisions.payment_id) as payment_id,
        coalesce(found.rule, decisions.rule) as rule,
        coalesce(found.amount_at_stake, decisions.amount_at_stake) as amount_at_stake,
        found.direction,
        found.is_question,
        coalesce(found.charge_type, charges.charge_type, decisions.charge_type) as charge_type,
        coalesce(found.start_date, charges.start_date, decisions.start_date, found.billed_date) as start_date,
        found.evidence,
        found.billed_date,
        found.dispute_until,
        found.exception_id is not null as is_found,
        decisions.status as decided,
        decisions.note,
        decisions.set_by,
        decisions.set_at,
        decisions.restatement,
        checked.credited,
        checked.reason,
        coalesce(decisions.settlement, case when found.exception_id is null then decisions.equal_credit end)
            as settlement
    from found
    full outer join decisions on found.exception_id = decisions.exception_id
    left join {{ ref('charges') }} as charges on coalesce(found.charge_id, decisions.charge_id) = charges.charge_id
    left join {{ ref('invoice_reconciliation') }} as checked
        on coalesce(found.charge_id, decisions.charge_id) = checked.charge_id

),

entries as (

    select
        exception_id,
        charge_id,
        payment_id,
        charge_type,
        rule,
        case
            when settlement is not null then 'credited'
            when not is_found then 'cleared'
            when decided is null or restatement is not null then 'open'
            else decided
        end as status,
        case
            when settlement is not null then settlement
            when restatement is not null then 'Was ' || decided || '; since then: ' || restatement || '.'
            when not is_found then 'No rule finds it any more.' || coalesce(' ' || reason, '')
            when credited > 0 and coalesce(decided, 'open') <> 'credited'
                then {{ money('credited') }} || ' of it was credited; the rest is at stake.'
        end as what_changed,
        note,
        set_by,
        set_at,
        amount_at_stake,
        direction,
        is_question,
        evidence,
        start_date,
        billed_date,
        dispute_until
    from joined
    union all
    select
        exception_id,
        charge_id,
        payment_id,
        charge_type,
        rule,
        'withdrawn' as status,
        'No rule finds it any more.' || coalesce(' ' || reason, '') as what_changed,
        cast(null as {{ column_type('varchar') }}) as note,
        cast(null as {{ column_type('varchar') }}) as set_by,
        cast(null as {{ column_type('timestamp with time zone') }}) as set_at,
        amount_at_stake,
        cast(null as {{ column_type('varchar') }}) as direction,
        cast(null as boolean) as is_question,
        cast(null as {{ column_type('varchar') }}) as evidence,
        start_date,
        billed_date,
        dispute_until
    from withdrawn

)

select
    entries.exception_id,
    entries.charge_id,
    entries.payment_id,
    entries.charge_type,
    entries.rule,
    entries.status,
    entries.what_changed,
    entries.note,
    entries.set_by,
    entries.set_at,
    entries.amount_at_stake,
    coalesce(entries.direction, rules.direction, 'recoverable') as direction,
    coalesce(entries.is_question, rules.is_question, true) as is_question,
    entries.evidence,
    cast(date_trunc('month', entries.start_date) as date) as month,
    entries.billed_date,
    entries.dispute_until
from entries
left join {{ ref('rules') }} as rules on entries.rule = rules.rule
