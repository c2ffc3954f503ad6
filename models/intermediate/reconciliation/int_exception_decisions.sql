with

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
        -- Charges without a type had none when this was written.
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

told as (

    select * from numbered
    where recency = 1

),

-- Of two equal charges a credit settles the first, and then the second is no duplicate any more: it is credited too.
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

arrived as (

    select
        order_id,
        charge_type,
        min(charge_id) as charge_id
    from {{ ref('charges') }}
    where amount > 0 and not is_withdrawn
    group by order_id, charge_type

)

select
    told.exception_id,
    told.charge_id,
    told.payment_id,
    told.charge_type,
    told.start_date,
    told.rule,
    told.amount_at_stake,
    told.status,
    told.note,
    told.set_by,
    told.set_at,
    case when checked.status = 'settled' then checked.reason end as settlement,
    'Charge ' || credits.charge_id || ' credits it.' as equal_credit,
    case
        when told.charge_id is null then 'charge ' || arrived.charge_id || ' has arrived'
        when charges.charge_id is null or charges.is_withdrawn then 'the charge was withdrawn'
        else {{ restated('told', 'charges') }}
    end as restatement
from told
left join {{ ref('charges') }} as charges on told.charge_id = charges.charge_id
left join {{ ref('invoice_reconciliation') }} as checked on told.charge_id = checked.charge_id
left join credits
    on
        told.charge_type is not distinct from credits.charge_type
        and told.order_id is not distinct from credits.order_id
        and told.item_id is not distinct from credits.item_id
        and told.start_date is not distinct from credits.start_date
        and told.end_date is not distinct from credits.end_date
        and told.amount = 0 - credits.amount
-- What was missing: only such a finding has an order and no charge.
left join arrived
    on told.charge_id is null and told.order_id = arrived.order_id and told.charge_type = arrived.charge_type
