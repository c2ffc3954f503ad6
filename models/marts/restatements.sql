with

frozen as (

    select facts.*
    from {{ ref('stg_closed_facts') }} as facts
    inner join {{ ref('stg_month_close') }} as closes on facts.close_id = closes.close_id

),

today as (

    select facts.*
    from {{ ref('month_facts') }} as facts
    inner join {{ ref('stg_month_close') }} as closes on facts.month = closes.month

),

compared as (

    select
        coalesce(frozen.month, today.month) as month,
        coalesce(frozen.subject, today.subject) as subject,
        coalesce(frozen.key, today.key) as key,
        coalesce(frozen.measure, today.measure) as measure,
        frozen.value as value_before,
        today.value as value_after,
        today.seen_at
    from frozen
    full outer join today
        on
            frozen.month = today.month and frozen.subject = today.subject
            and frozen.key = today.key and frozen.measure = today.measure

)

select
    compared.month,
    compared.subject,
    compared.key,
    compared.measure,
    compared.value_before,
    compared.value_after,
    coalesce(compared.value_after, 0) - coalesce(compared.value_before, 0) as difference,
    compared.seen_at,
    closes.closed_at,
    closes.closed_by
from compared
inner join {{ ref('stg_month_close') }} as closes on compared.month = closes.month
where
    compared.value_before is distinct from compared.value_after
    -- Invoicing the charges of a closed month later does not change its figures.
    and not (compared.subject = 'invoice' and compared.value_before is null)
