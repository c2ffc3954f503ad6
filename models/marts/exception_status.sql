with

found as (

    select
        exception_id,
        charge_id,
        payment_id,
        rule,
        amount_at_stake,
        evidence,
        charge_type,
        start_date,
        billed_date,
        dispute_until
    from {{ ref('invoice_exceptions') }}

),

joined as (

    select
        coalesce(found.exception_id, told.exception_id) as exception_id,
        coalesce(found.charge_id, told.charge_id) as charge_id,
        coalesce(found.payment_id, told.payment_id) as payment_id,
        coalesce(found.rule, told.rule) as rule,
        coalesce(found.amount_at_stake, told.amount_at_stake) as amount_at_stake,
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
        coalesce(told.settlement, case when found.exception_id is null then told.equal_credit end) as settlement
    from found
    full outer join {{ ref('told_exceptions') }} as told on found.exception_id = told.exception_id
    left join {{ ref('charges') }} as charges on coalesce(found.charge_id, told.charge_id) = charges.charge_id
    left join {{ ref('invoice_reconciliation') }} as checked on found.charge_id = checked.charge_id

)

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
        when not is_found then 'No rule finds it any more.'
        when credited > 0 and coalesce(told, 'open') <> 'credited'
            then {{ money('credited') }} || ' of it was credited; the rest is at stake.'
    end as what_changed,
    note,
    set_by,
    set_at,
    amount_at_stake,
    evidence,
    cast(date_trunc('month', start_date) as date) as month,
    billed_date,
    dispute_until
from joined
