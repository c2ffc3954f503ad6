-- When each order took each step: as its event says, else as polling first saw the status.
with

seen as (

    select
        versions.id as order_id,
        steps.step,
        -- No step is taken after it was seen, whatever its date.
        min(least(versions.updated_at, versions._seen_at)) as taken_at,
        min(versions._seen_at) as seen_at
    from {{ source('raw', 'orders') }} as versions
    inner join {{ ref('int_order_steps') }} as steps on upper(versions.status) = steps.status
    where steps.step <> 'created' and not versions._is_removed
    group by versions.id, steps.step

),

told as (

    select
        order_id,
        step,
        min(coalesce(occurred_at, received_at)) as taken_at
    from {{ ref('order_events') }}
    where order_id is not null and step is not null
    group by order_id, step

)

select
    orders.order_id,
    steps.step,
    case
        when told.taken_at is not null then told.taken_at
        when steps.step = 'created' then orders.created_at
        else coalesce(seen.taken_at, seen.seen_at)
    end as taken_at,
    case
        when told.taken_at is not null then 'event'
        when steps.step = 'created' and orders.created_at is not null then 'order'
        when seen.seen_at is not null then 'polling'
    end as known_from
from {{ ref('orders') }} as orders
cross join {{ ref('int_order_steps') }} as steps
left join told on orders.order_id = told.order_id and steps.step = told.step
left join seen on orders.order_id = seen.order_id and steps.step = seen.step
where not orders.is_deleted
