with

steps as (

    select
        events.*,
        steps.step,
        steps.step_number,
        max(steps.step_number) over (
            partition by events.order_id
            order by events.received_at, events.event_id
            rows between unbounded preceding and 1 preceding
        ) as furthest_before
    from {{ ref('stg_order_events') }} as events
    left join {{ ref('order_steps') }} as steps on events.topic = steps.topic

)

select
    event_id,
    order_id,
    topic,
    step,
    occurred_at,
    received_at,
    coalesce(order_id is not null and step_number < furthest_before, false) as is_out_of_order,
    is_known_version,
    outcome,
    attempts,
    reason
from steps
