with

versions as (

    select
        *,
        row_number() over (partition by id, updated_at order by _seen_at desc, _dlt_load_id desc) as recency
    from {{ source('raw', 'item_quantities') }}
    -- What was recorded did happen: a record overwritten in place, or of a deleted item, is no longer listed but stays.
    where not _is_removed

),

unreadable as (

    {{ unreadable_stock_records() | indent(4) }}

)

select
    id as record_id,
    item_id,
    sku,
    coalesce(supply, 0) as supply,
    coalesce(receiving, 0) as receiving,
    coalesce(prepared, 0) as prepared,
    coalesce(back_ordered, 0) as back_ordered,
    coalesce(delivered, 0) as delivered,
    created_at,
    updated_at,
    _seen_at as seen_at
from versions
where
    recency = 1 and item_id is not null
    and not ({{ lacks_a_counter() }} and {{ text('id') }} in (select record_key from unreadable))
