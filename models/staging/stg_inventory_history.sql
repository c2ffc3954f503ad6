with

versions as (

    select
        *,
        row_number() over (
            partition by id, date, warehouse_id order by _seen_at desc, _dlt_load_id desc
        ) as recency
    from {{ source('raw', 'inventory_history') }}

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
    coalesce(supply, 0) as supply,
    coalesce(prepared, 0) as prepared,
    coalesce(receiving, 0) as receiving,
    _seen_at as seen_at
from versions
-- A day is restated as a whole: a row that the API no longer gives is no longer part of it.
where recency = 1 and not _is_removed
