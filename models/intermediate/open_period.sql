-- The first day that no invoice is about yet: after the last billed storage, else after the last billed charge's month.
select
    service.today,
    coalesce(
        {{ day_after("max(case when lower(charges.charge_type) = 'storage' then charges.end_date end)") }},
        cast(date_trunc('month', max(charges.billed_date)) as date),
        cast(date_trunc('month', service.today) as date)
    ) as start_date
from {{ ref('account_today') }} as service
left join {{ ref('charges') }} as charges on charges.is_billed and not charges.is_withdrawn and charges.amount > 0
group by service.today
