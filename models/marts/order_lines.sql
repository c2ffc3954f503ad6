select
    lines.order_id,
    lines.line_number,
    lines.item_id,
    lines.sku,
    lines.shopify_variant_id,
    lines.quantity
from {{ ref('int_order_lines_resolved') }} as lines
inner join {{ ref('stg_orders') }} as orders on lines.order_id = orders.order_id
where not orders.is_removed
