with

versions as (

    select
        *,
        row_number() over (
            partition by id, date, warehouse_id order by _seen_at desc, _dlt_load_id desc
        ) as recency
    from {{ source('raw', 'inventory_history') }}

),

unreadable as (

    {{ unreadable('inventory_history', ['supply', 'prepared', 'receiving']) | indent(4) }}

)

select
    id as item_id,
    date,
    warehouse_id,
    external_name as sku,
    name,
    {{ plausible('cubic_size', '1000000') }} as unit_volume_cuft,
    weight,
    {{ plausible('total_volume', '1000000000') }} as volume_cuft,
    {{ plausible('total_storage_price', '1000000000') }} as price,
    -- A counter that the API leaves out is 0; one that could not be read is null.
    coalesce(supply, case when unreadable.record_key is null then 0 end) as supply,
    coalesce(prepared, case when unreadable.record_key is null then 0 end) as prepared,
    coalesce(receiving, case when unreadable.record_key is null then 0 end) as receiving,
    _seen_at as seen_at
from versions
left join unreadable
    on {{ history_key() }} = unreadable.record_key
-- Days are restated as a whole: skip rows that the API no longer returns.
where recency = 1 and not _is_removed
