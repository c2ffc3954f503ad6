with

items as (

    select * from {{ ref('items') }}

),

-- A line may name its item by variant only. If several items match, prefer one that was not deleted, then the latest.
variants as (

    select
        shopify_variant_id,
        coalesce(max(case when not is_deleted then item_id end), max(item_id)) as item_id
    from items
    where shopify_variant_id is not null
    group by shopify_variant_id

)

select
    lines.order_id,
    lines.line_number,
    coalesce(lines.item_id, variants.item_id) as item_id,
    items.sku,
    lines.shopify_variant_id,
    lines.quantity
from {{ ref('stg_order_lines') }} as lines
left join variants on lines.item_id is null and lines.shopify_variant_id = variants.shopify_variant_id
left join items on coalesce(lines.item_id, variants.item_id) = items.item_id
