{%- set raw = source('raw', 'payment_items') -%}
{%- set columns = column_names(raw) -%}

with

versions as (

    select
        *,
        row_number() over (partition by id order by _seen_at desc, _dlt_load_id desc) as recency
    from {{ raw }}

),

without_amount as (

    {{ unreadable('payment_items', ['amount']) | indent(4) }}

),

without_order as (

    {{ unreadable('payment_items', ['order_id', 'type']) | indent(4) }}

)

select
    id as charge_id,
    {{ payment_item_column('payment_id', 'bigint', columns) }} as payment_id,
    {{ payment_item_column('type', 'varchar', columns) }} as charge_type,
    {{ payment_item_column('description', 'varchar', columns) }} as description,
    {{ payment_item_column('amount', 'decimal(38, 24)', columns) }} as amount,
    {{ payment_item_column('quantity', 'decimal(38, 24)', columns) }} as quantity,
    {{ payment_item_column('start', 'date', columns) }} as start_date,
    {{ payment_item_column('end', 'date', columns) }} as end_date,
    {{ payment_item_column('billed_date', 'date', columns) }} as billed_date,
    {{ payment_item_column('order_id', 'bigint', columns) }} as order_id,
    {{ payment_item_column('item_id', 'bigint', columns) }} as item_id,
    {{ payment_item_column('total_volume', 'decimal(38, 24)', columns) }} as volume_cuft,
    {{ payment_item_column('created_at', 'timestamp with time zone', columns) }} as created_at,
    {{ payment_item_column('updated_at', 'timestamp with time zone', columns) }} as updated_at,
    {{ payment_item_column('amount', 'decimal(38, 24)', columns) }} is null
    and (without_amount.record_key is not null or {{ has_alias('amount', columns) }}) as is_amount_unreadable,
    without_order.record_key is not null as is_order_unreadable,
    _is_removed as is_removed,
    _seen_at as seen_at
from versions
left join without_amount on {{ text('id') }} = without_amount.record_key
left join without_order on {{ text('id') }} = without_order.record_key
where recency = 1
