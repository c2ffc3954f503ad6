with

listed as (

    select * from {{ ref('stg_items') }}

),

-- Items that were deleted before the list was first read still appear in stock and history, so include them.
-- Query raw rows: the latest versions are not needed.
mentioned as (

    select
        item_id,
        max(sku) as sku,
        cast(null as {{ column_type('varchar') }}) as name,
        -- No item is newer than the first reading of its records. Dates in the future are replaced by the reading time.
        min(least(updated_at, _seen_at)) as first_at
    from {{ source('raw', 'item_quantities') }}
    where item_id is not null
    group by item_id
    union all
    select
        id as item_id,
        max(external_name) as sku,
        max(name) as name,
        least({{ account_midnight('min(date)') }}, min(_seen_at)) as first_at
    from {{ source('raw', 'inventory_history') }}
    group by id

),

known as (

    select
        item_id,
        max(sku) as sku,
        max(name) as name,
        min(first_at) as first_at
    from mentioned
    group by item_id

)

select
    coalesce(listed.item_id, known.item_id) as item_id,
    coalesce(listed.sku, known.sku) as sku,
    coalesce(listed.name, known.name) as name,
    {{ rounded_quotient(
        'cast(listed.width_in as decimal(10, 3)) * cast(listed.depth_in as decimal(10, 3))'
        ~ ' * cast(listed.height_in as decimal(10, 3))', '1728', 4
    ) }} as cubic_feet,
    listed.weight,
    listed.price,
    listed.shopify_variant_id,
    coalesce(listed.is_removed, true) as is_deleted,
    least(listed.created_at, known.first_at) as first_seen_at,
    listed.created_at,
    listed.updated_at
from listed
full outer join known on listed.item_id = known.item_id
