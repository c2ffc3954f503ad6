with

versions as (

    select
        *,
        row_number() over (partition by id order by _seen_at desc, _dlt_load_id desc) as recency,
        max(case when upper(status) in ('IN_TRANSIT', 'COMPLETED') then 1 else 0 end)
            over (partition by id) as was_shipped,
        min(case when upper(status) in ('IN_TRANSIT', 'COMPLETED') then least(updated_at, _seen_at) end)
            over (partition by id) as shipped_at,
        min(case when upper(status) = 'COMPLETED' then least(updated_at, _seen_at) end)
            over (partition by id) as completed_at,
        -- An id that the service did not know when asked has a tombstone and no other version.
        max(case when _is_removed then 0 else 1 end) over (partition by id) as was_there
    from {{ source('raw', 'orders') }}

),

without_lines as (

    {{ orders_without_lines() | indent(4) }}

)

select
    id as order_id,
    external_name,
    shopify_order_id,
    order_type,
    status,
    warehouse_id,
    recipient__name as recipient_name_hash,
    recipient__email as recipient_email_hash,
    recipient__phone as recipient_phone_hash,
    place__address1 as address1,
    place__address2 as address2,
    place__postal_code as postal_code,
    place__city as city,
    place__province_code as province_code,
    place__country_code as country_code,
    created_at,
    updated_at,
    was_shipped = 1 as has_shipped,
    shipped_at,
    completed_at,
    without_lines.record_key is not null as lacks_lines,
    _is_removed as is_removed,
    _seen_at as seen_at
from versions
left join without_lines on {{ text('id') }} = without_lines.record_key
where recency = 1 and was_there = 1
