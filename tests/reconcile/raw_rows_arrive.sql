-- As many rows as raw has keys: a join that loses or doubles a row is found, whatever it joins.
with

counts as (

    select
        'orders' as mart,
        (select count(*) from {{ ref('stg_orders') }}) as expected_rows,
        (select count(*) from {{ ref('orders') }}) as mart_rows
    union all
    select
        'order_lines' as mart,
        (
            select count(*)
            from {{ ref('stg_order_lines') }} as lines
            inner join {{ ref('stg_orders') }} as orders on lines.order_id = orders.order_id
            where not orders.is_removed
        ) as expected_rows,
        (select count(*) from {{ ref('order_lines') }}) as mart_rows
    union all
    select
        'charges' as mart,
        (select count(distinct id) from {{ source('raw', 'payment_items') }}) as expected_rows,
        (select count(*) from {{ ref('charges') }}) as mart_rows
    union all
    select
        'items' as mart,
        (
            select count(*)
            from (
                select id from {{ source('raw', 'items') }}
                union
                select item_id from {{ source('raw', 'item_quantities') }}
                where item_id is not null
                union
                select id from {{ source('raw', 'inventory_history') }}
            ) as mentioned
        ) as expected_rows,
        (select count(*) from {{ ref('items') }}) as mart_rows
)

select * from counts
where expected_rows <> mart_rows
