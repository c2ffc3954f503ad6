select
    lines.order_id,
    lines.line_number,
    lines.item_id,
    items.sku,
    lines.shopify_variant_id,
    lines.quantity
from {{ ref('stg_order_lines') }} as lines
inner join {{ ref('stg_orders') }} as orders on lines.order_id = orders.order_id
left join {{ ref('items') }} as items on lines.item_id = items.item_id
where not orders.is_removed
