{%- set steps = [
    'hours_to_pick', 'hours_to_pack', 'hours_to_hand_over', 'hours_in_transit', 'hours_to_leave'
] -%}
with

orders as (

    select
        *,
        {{ account_date('created_at') }} as date
    from {{ ref('order_fulfilment') }}
    where created_at is not null and upper(status) <> 'CANCELLED'

)

select
    date,
    count(*) as orders,
    {%- for step in steps %}
        cast(percentile_cont(0.5) within group (order by {{ step }}) as decimal(18, 3)) as median_{{ step }},
        cast(percentile_cont(0.9) within group (order by {{ step }}) as decimal(18, 3)) as p90_{{ step }},
    {%- endfor %}
    count(hours_to_leave) as orders_left,
    cast(round(
        cast(sum(case when hours_to_leave is not null and not is_late then 1 else 0 end) as double precision)
        / nullif(sum(case when hours_to_leave is not null or is_late then 1 else 0 end), 0), 4
    ) as decimal(9, 4)) as share_within_promise,
    sum(case when is_stuck then 1 else 0 end) as orders_stuck
from orders
group by date
