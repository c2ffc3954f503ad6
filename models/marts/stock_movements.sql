with

changes as (

    select
        *,
        -- Δsupply + picked − returned, written out: units shipped from prepared stock cancel out.
        supply_change + prepared_change + delivered_change as arrived,
        greatest(0, least(supply_change + prepared_change + delivered_change, -receiving_change)) as received
    from {{ ref('int_stock_changes') }}

),

kinds (movement_type, counter, is_opening, physical_sign) as (

    values
    ('opening', 'supply', true, 1),
    ('opening', 'prepared', true, 1),
    ('opening', 'receiving', true, 0),
    ('opening', 'delivered', true, 0),
    ('opening', 'back_ordered', true, 0),
    ('announced', 'receiving', false, 0),
    ('received', 'supply', false, 1),
    ('picked', 'prepared', false, 0),
    ('shipped', 'delivered', false, -1),
    ('returned', 'delivered', false, 1),
    ('adjusted', 'supply', false, 1),
    ('back_ordered', 'back_ordered', false, 0)

),

movements as (

    select
        changes.*,
        kinds.movement_type,
        kinds.counter,
        kinds.physical_sign,
        case kinds.movement_type
            when 'announced' then changes.receiving_change + changes.received
            when 'received' then changes.received
            when 'picked' then changes.prepared_change + greatest(changes.delivered_change, 0)
            when 'shipped' then greatest(changes.delivered_change, 0)
            when 'returned' then greatest(-changes.delivered_change, 0)
            when 'adjusted' then changes.arrived - changes.received
            else case kinds.counter
                when 'supply' then changes.supply_change
                when 'prepared' then changes.prepared_change
                when 'receiving' then changes.receiving_change
                when 'delivered' then changes.delivered_change
                else changes.back_ordered_change
            end
        end as quantity
    from changes
    inner join kinds on changes.is_opening = kinds.is_opening

)

select
    movements.item_id,
    items.sku,
    movements.updated_at as moved_at,
    -- Movements before earliest_date count on that day, as in stock_daily.
    greatest({{ account_date('movements.updated_at') }}, {{ setting('earliest_date') }}) as movement_date,
    movements.movement_type,
    movements.counter,
    movements.quantity,
    movements.quantity * movements.physical_sign as physical_quantity,
    not movements.is_opening and movements.receiving_change > 0 and movements.arrived > 0 as is_compound,
    movements.record_id
from movements
left join {{ ref('items') }} as items on movements.item_id = items.item_id
where movements.quantity <> 0
