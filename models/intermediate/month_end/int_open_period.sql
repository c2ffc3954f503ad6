-- The first day that no invoice covers yet: the day after the last billed storage, else the month after the last billed
-- charge.
select
    service.today,
    coalesce(
        {{ day_after("max(case when lower(charges.charge_type) = 'storage' then charges.end_date end)") }},
        cast(date_trunc('month', max(charges.billed_date)) as date),
        cast(date_trunc('month', service.today) as date)
    ) as start_date
from {{ ref('int_account_today') }} as service
left join {{ ref('charges') }} as charges
    on
        charges.is_billed and not charges.is_withdrawn and charges.amount > 0
        -- Ignore dates in future years: they are mistakes, not the end of the period.
        and charges.billed_date <= {{ dbt.dateadd('day', 31, 'service.today') }}
        and coalesce(charges.end_date <= {{ dbt.dateadd('day', 366, 'service.today') }}, true)
group by service.today
