{%- set steps = ['created', 'picked', 'packed', 'in_transit', 'completed'] -%}
with

-- Limit dates in the future to the time at which the status was seen.
polled as (

    select
        versions.id as order_id,
        steps.step,
        min(least(versions.updated_at, versions._seen_at)) as taken_at,
        min(versions._seen_at) as seen_at
    from {{ source('raw', 'orders') }} as versions
    inner join {{ ref('int_order_steps') }} as steps on upper(versions.status) = steps.status
    where steps.step <> 'created' and not versions._is_removed
    group by versions.id, steps.step

),

events as (

    select
        order_id,
        step,
        min(coalesce(occurred_at, received_at)) as taken_at
    from {{ ref('order_events') }}
    where order_id is not null and step is not null
    group by order_id, step

),

-- The time of each step of an order: from its event, else the first time that polling saw the status.
step_times as (

    select
        orders.order_id,
        steps.step,
        case
            when events.taken_at is not null then events.taken_at
            when steps.step = 'created' then orders.created_at
            else coalesce(polled.taken_at, polled.seen_at)
        end as taken_at,
        case
            when events.taken_at is not null then 'event'
            when steps.step = 'created' and orders.created_at is not null then 'order'
            when polled.seen_at is not null then 'polling'
        end as known_from
    from {{ ref('orders') }} as orders
    cross join {{ ref('int_order_steps') }} as steps
    left join events on orders.order_id = events.order_id and steps.step = events.step
    left join polled on orders.order_id = polled.order_id and steps.step = polled.step
    where not orders.is_deleted

),

times as (

    select
        order_id,
        {% for step in steps -%}
            max(case when step = '{{ step }}' then taken_at end) as {{ step }}_at,
            max(case when step = '{{ step }}' then known_from end) as {{ step }}_from,
        {% endfor -%}
        max(taken_at) as last_step_at
    from step_times
    group by order_id

),

service as (

    select max(finished_at) as now_at
    from {{ ref('stg_extract_windows') }}

)

select
    orders.order_id,
    orders.external_name,
    orders.status,
    orders.warehouse_id,
    {%- for step in steps %}
        times.{{ step }}_at,
        times.{{ step }}_from,
    {%- endfor %}
    {{ hours_between('times.created_at', 'times.picked_at') }} as hours_to_pick,
    {{ hours_between('times.picked_at', 'times.packed_at') }} as hours_to_pack,
    {{ hours_between('times.packed_at', 'times.in_transit_at') }} as hours_to_hand_over,
    {{ hours_between('times.in_transit_at', 'times.completed_at') }} as hours_in_transit,
    {{ hours_between('times.created_at', 'times.in_transit_at') }} as hours_to_leave,
    coalesce(
        upper(orders.status) not in ('COMPLETED', 'CANCELLED')
        and {{ hours_between('coalesce(times.last_step_at, orders.created_at)', 'service.now_at') }}
        > {{ setting('stuck_hours') }},
        false
    ) as is_stuck,
    case
        when upper(orders.status) = 'CANCELLED' then false
        when times.in_transit_at is not null or upper(orders.status) not in ('IN_TRANSIT', 'COMPLETED')
            then
                {{ hours_between('times.created_at', 'coalesce(times.in_transit_at, service.now_at)') }}
                > {{ setting('promised_hours') }}
    end as is_late,
    {{ hours_between('coalesce(times.last_step_at, orders.created_at)', 'service.now_at') }} as hours_since_last_step
from {{ ref('orders') }} as orders
inner join times on orders.order_id = times.order_id
cross join service
