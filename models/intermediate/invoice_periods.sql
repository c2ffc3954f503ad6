{%- set is_outside -%}
    case when charges.start_date < spans.first_date or charges.end_date > spans.last_date then 1 else 0 end
{%- endset -%}
with

charges as (

    select
        charges.payment_id,
        charges.billed_date,
        -- Storage of the same days that is billed again, or twice, on a later invoice says nothing of that invoice.
        lower(charges.charge_type) = 'storage' and charges.billed_date = min(charges.billed_date) over (
            partition by
                lower(charges.charge_type), charges.item_id, charges.order_id,
                charges.start_date, charges.end_date
        ) as is_storage,
        charges.start_date,
        charges.end_date
    from {{ ref('charges') }} as charges
    left join {{ ref('charge_settlements') }} as settlements on charges.charge_id = settlements.charge_id
    where
        not charges.is_withdrawn and charges.is_billed and charges.payment_id is not null
        and charges.amount > 0 and settlements.replaces is null

),

-- The days of the storage that stands on it; of an invoice without storage, the month before it was billed.
spans as (

    select
        payment_id,
        coalesce(
            min(case when is_storage then start_date end),
            cast(date_trunc('month', {{ dbt.dateadd('month', -1, 'max(billed_date)') }}) as date)
        ) as first_date,
        coalesce(
            max(case when is_storage then end_date end),
            {{ day_before("cast(date_trunc('month', max(billed_date)) as date)") }}
        ) as last_date,
        max(case when is_storage then 1 else 0 end) = 1 as has_storage
    from charges
    group by payment_id

),

counted as (

    select
        spans.payment_id,
        spans.first_date,
        spans.last_date,
        spans.has_storage,
        count(*) as charges,
        sum({{ is_outside }}) as outside,
        sum(count(*)) over alike as charges_alike,
        sum(sum({{ is_outside }})) over alike as outside_alike
    from spans
    inner join charges on spans.payment_id = charges.payment_id
    group by spans.payment_id, spans.first_date, spans.last_date, spans.has_storage
    window alike as (partition by spans.has_storage)

)

-- Where many charges lie outside a period that is only a custom, on an invoice or on all of its kind, the custom is
-- another one.
select
    payment_id,
    first_date,
    last_date,
    has_storage,
    charges,
    outside,
    case
        when has_storage then outside_alike <= 0.2 * charges_alike
        when charges < 3 then outside_alike <= 0.5 * charges_alike
        else outside <= 0.5 * charges
    end as is_known
from counted
