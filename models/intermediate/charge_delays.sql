with

-- When an order's first charge of a type came: the day that it is for, or on which the account wrote it down.
firsts as (

    select
        order_id,
        lower(charge_type) as charge_type,
        min(greatest(start_date, {{ account_date('created_at') }})) as charged_date
    from {{ ref('charges') }}
    where not is_withdrawn and amount > 0 and order_id is not null
    group by order_id, lower(charge_type)

),

delayed as (

    select
        *,
        {{ days_in('min(charged_date) over (partition by order_id)', 'charged_date') }} - 1 as days
    from firsts

)

-- What came as late three times may come as late again.
select
    charge_type,
    days
from (
    select
        charge_type,
        days,
        row_number() over (partition by charge_type order by days desc nulls last) as place
    from delayed
) as ranked
where place = 3
