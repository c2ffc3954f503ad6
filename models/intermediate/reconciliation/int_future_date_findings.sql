-- Records dated after the service's today. The tables by day leave them out until they are corrected.
with

service as (

    select * from {{ ref('int_account_today') }}

),

stock_versions as (

    select
        id,
        item_id,
        updated_at,
        _is_removed,
        row_number() over (partition by id order by _seen_at desc, _dlt_load_id desc) as recency
    from {{ source('raw', 'item_quantities') }}
    where id in (
        select ahead.id
        from {{ source('raw', 'item_quantities') }} as ahead
        cross join service
        where ahead.updated_at >= service.ends_at
    )

),

dated as (

    select
        'stock_record' as subject,
        {{ text('versions.id') }} as key,
        'Stock record ' || versions.id as words,
        versions.item_id,
        cast(null as bigint) as payment_id,
        {{ account_date('versions.updated_at') }} as date
    from stock_versions as versions
    cross join service
    where versions.recency = 1 and not versions._is_removed and versions.updated_at >= service.ends_at
    union all
    select
        'inventory_history' as subject,
        history.item_id || '-' || history.date as key,
        'A row of inventory history of item ' || history.item_id as words,
        history.item_id,
        cast(null as bigint) as payment_id,
        history.date
    from {{ ref('stg_inventory_history') }} as history
    cross join service
    where history.date > service.today
    group by history.item_id, history.date
    union all
    select
        'order' as subject,
        {{ text('orders.order_id') }} as key,
        'Order ' || orders.order_id as words,
        cast(null as bigint) as item_id,
        cast(null as bigint) as payment_id,
        {{ account_date('greatest(orders.created_at, orders.updated_at)') }} as date
    from {{ ref('stg_orders') }} as orders
    cross join service
    where not orders.is_removed and greatest(orders.created_at, orders.updated_at) >= service.ends_at
    union all
    select
        'item' as subject,
        {{ text('items.item_id') }} as key,
        'Item ' || items.item_id as words,
        items.item_id,
        cast(null as bigint) as payment_id,
        {{ account_date('greatest(items.created_at, items.updated_at)') }} as date
    from {{ ref('stg_items') }} as items
    cross join service
    where greatest(items.created_at, items.updated_at) >= service.ends_at
    union all
    -- A charge may be billed or start some weeks ahead, and cover up to a year.
    select
        'charge' as subject,
        {{ text('charges.charge_id') }} as key,
        'Charge ' || charges.charge_id as words,
        charges.item_id,
        charges.payment_id,
        greatest(charges.start_date, charges.end_date, charges.billed_date) as date
    from {{ ref('charges') }} as charges
    cross join service
    where
        not charges.is_withdrawn
        and (
            greatest(charges.start_date, charges.billed_date) > {{ dbt.dateadd('day', 31, 'service.today') }}
            or charges.end_date > {{ dbt.dateadd('day', 366, 'service.today') }}
        )

)

select
    {{ finding(
        'future_date', "dated.subject || '-' || dated.key",
        "dated.words || ' is dated ' || dated.date || ', after ' || service.today || ', the last day that was read.'",
        {'record': 'dated.subject', 'key': 'dated.key', 'date': 'dated.date', 'today': 'service.today'},
        {'item_id': 'dated.item_id', 'payment_id': 'dated.payment_id', 'start_date': 'dated.date'}
    ) }}
from dated
cross join service
