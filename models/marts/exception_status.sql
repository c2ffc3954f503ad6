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

told as (

    select * from {{ ref('int_exception_decisions') }}

),

-- What the build before found and this one does not, though neither a credit nor a change of the charge explains it:
-- shown once, with what is said of the charge now.
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
        and before.exception_id not in (select told.exception_id from told)
        and arrived.order_id is null
        and (before.charge_id is null or checked.status <> 'settled')

),

joined as (

    select
        coalesce(found.exception_id, told.exception_id) as exception_id,
        coalesce(found.charge_id, told.charge_id) as charge_id,
        coalesce(found.payment_id, told.payment_id) as payment_id,
        coalesce(found.rule, told.rule) as rule,
        coalesce(found.amount_at_stake, told.amount_at_stake) as amount_at_stake,
        found.direction,
        found.is_question,
        coalesce(found.charge_type, charges.charge_type, told.charge_type) as charge_type,
        coalesce(found.start_date, charges.start_date, told.start_date, found.billed_date) as start_date,
        found.evidence,
        found.billed_date,
        found.dispute_until,
        found.exception_id is not null as is_found,
        told.status as told,
        told.note,
        told.set_by,
        told.set_at,
        told.restatement,
        checked.credited,
        checked.reason,
        coalesce(told.settlement, case when found.exception_id is null then told.equal_credit end) as settlement
    from found
    full outer join told on found.exception_id = told.exception_id
    left join {{ ref('charges') }} as charges on coalesce(found.charge_id, told.charge_id) = charges.charge_id
    left join {{ ref('invoice_reconciliation') }} as checked
        on coalesce(found.charge_id, told.charge_id) = checked.charge_id

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
            when told is null or restatement is not null then 'open'
            else told
        end as status,
        case
            when settlement is not null then settlement
            when restatement is not null then 'Was ' || told || '; since then: ' || restatement || '.'
            when not is_found then 'No rule finds it any more.' || coalesce(' ' || reason, '')
            when credited > 0 and coalesce(told, 'open') <> 'credited'
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
