with

charges as (

    select * from {{ ref('charges') }}
    where lower(charge_type) = 'storage' and not is_withdrawn and coalesce(amount, 0) >= 0

)

select
    costs.item_id,
    min(costs.date) as start_date,
    max(costs.date) as end_date,
    count(*) as days,
    {{ rounded_money('sum(costs.expected_price)') }} as expected
from {{ ref('storage_cost_daily') }} as costs
inner join {{ ref('open_period') }} as period
    on costs.date between period.start_date and {{ day_before('period.today') }}
left join charges as own
    on costs.item_id = own.item_id and costs.date between own.start_date and own.end_date
left join charges as whole
    on whole.item_id is null and costs.date between whole.start_date and whole.end_date
where costs.expected_price is not null and own.charge_id is null and whole.charge_id is null
group by costs.item_id
having {{ rounded_money('sum(costs.expected_price)') }} <> 0
