-- The steps of an order in sequence, with their names in topics and statuses.
with

steps (step_number, step, topic, status) as (

    values
    (1, 'created', 'order-created', 'PENDING'),
    (2, 'picked', 'order-picked', 'PICKED'),
    (3, 'packed', 'order-packed', 'PACKED'),
    (4, 'in_transit', 'order-in-transit', 'IN_TRANSIT'),
    (5, 'completed', 'order-completed', 'COMPLETED')

)

select
    cast(step_number as integer) as step_number,
    step,
    topic,
    status
from steps
