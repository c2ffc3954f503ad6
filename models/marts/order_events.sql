with

steps as (

    select
        events.*,
        steps.step,
        steps.step_number,
        max(case when not coalesce(events.topic_mismatch, false) then steps.step_number end) over (
            partition by events.order_id
            order by events.received_at, events.event_id
            rows between unbounded preceding and 1 preceding
        ) as furthest_before
    from {{ ref('stg_order_events') }} as events
    left join {{ ref('int_order_steps') }} as steps on events.topic = steps.topic

)

select
    event_id,
    order_id,
    topic,
    -- The topic is not signed: if the body names another step, ignore both.
    case when coalesce(topic_mismatch, false) then null else step end as step,
    occurred_at,
    received_at,
    coalesce(
        order_id is not null and step_number < furthest_before and not coalesce(topic_mismatch, false), false
    ) as is_out_of_order,
    is_known_version,
    coalesce(topic_mismatch, false) as topic_mismatch,
    outcome,
    attempts,
    reason
from steps
