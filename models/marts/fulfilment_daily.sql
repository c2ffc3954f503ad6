{%- set steps = [
    'hours_to_pick', 'hours_to_pack', 'hours_to_hand_over', 'hours_in_transit', 'hours_to_leave'
] -%}
with

orders as (

    select
        fulfilment.*,
        {{ account_date('fulfilment.created_at') }} as date
    from {{ ref('order_fulfilment') }} as fulfilment
    cross join {{ ref('int_account_today') }} as service
    where
        fulfilment.created_at < service.ends_at
        and {{ account_date('fulfilment.created_at') }} >= {{ setting('earliest_date') }}
        and upper(fulfilment.status) <> 'CANCELLED'

),

-- Rank each order among those of its day, by each step; orders without the step come last.
placed as (

    select
        {%- for step in steps %}
            row_number() over (partition by date order by {{ step }} nulls last) as {{ step }}_place,
            count({{ step }}) over (partition by date) as {{ step }}_known,
        {%- endfor %}
        *
    from orders

)

select
    date,
    count(*) as orders,
    {%- for step in steps %}
        {{ percentile(5, step) }} as median_{{ step }},
        {{ percentile(9, step) }} as p90_{{ step }},
    {%- endfor %}
    count(hours_to_leave) as orders_left,
    cast({{ rounded_quotient(
        'sum(case when hours_to_leave is not null and not is_late then 1 else 0 end)',
        'sum(case when hours_to_leave is not null or is_late then 1 else 0 end)', 4
    ) }} as decimal(9, 4)) as share_within_promise,
    sum(case when is_stuck then 1 else 0 end) as orders_stuck
from placed
group by date
