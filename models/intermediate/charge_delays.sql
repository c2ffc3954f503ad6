{%- set charged_date = 'greatest(charges.start_date, ' ~ account_date('charges.created_at') ~ ')' -%}
with

-- How long after its order was completed its first charge of a type came: by the day that it is for, or by the one on
-- which the account wrote it down.
delayed as (

    select
        charges.order_id,
        lower(charges.charge_type) as charge_type,
        min({{ days_in('completed.completed_date', charged_date) }}) - 1 as days
    from {{ ref('charges') }} as charges
    inner join {{ ref('completed_orders') }} as completed on charges.order_id = completed.order_id
    where not charges.is_withdrawn and coalesce(charges.amount, 0) >= 0
    group by charges.order_id, lower(charges.charge_type)

)

-- What came as late three times may come as late again; what came after more than a month was no paperwork.
select
    charge_type,
    days
from (
    select
        charge_type,
        days,
        row_number() over (partition by charge_type order by days desc) as place
    from delayed
    where days <= 31
) as ranked
where place = 3
