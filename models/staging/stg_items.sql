with

versions as (

    select
        *,
        row_number() over (partition by id order by _seen_at desc, _dlt_load_id desc) as recency
    from {{ source('raw', 'items') }}

)

select
    id as item_id,
    external_name as sku,
    name,
    shopify_variant_id,
    description,
    {{ plausible('width_in', '100000') }} as width_in,
    {{ plausible('depth_in', '100000') }} as depth_in,
    {{ plausible('height_in', '100000') }} as height_in,
    {{ plausible('weight', '1000000') }} as weight,
    price,
    notify_email,
    expiration_warning_in_days,
    ht_code,
    country_of_origin,
    back_order_limit,
    is_prepackaged,
    created_at,
    updated_at,
    _is_removed as is_removed,
    _seen_at as seen_at
from versions
where recency = 1
