-- The orders named in the text of charges that have neither an order nor an item of their own.
with

words as (

    select distinct
        charge_id,
        word
    from (
        select
            charge_id,
            {{ words_of_row('description') }} as word
        from {{ ref('charges') }}
        where order_id is null and item_id is null and not is_withdrawn and description is not null
    ) as split_texts
    -- Shorter numbers are counts of parcels or days, not order numbers.
    where length(word) >= 4

),

names as (

    select
        order_id,
        {{ text('order_id') }} as word
    from {{ ref('stg_orders') }}
    union all
    select
        order_id,
        replace(lower(external_name), '#', '') as word
    from {{ ref('stg_orders') }}
    where external_name is not null
    union all
    select
        order_id,
        {{ text('shopify_order_id') }} as word
    from {{ ref('stg_orders') }}
    where shopify_order_id is not null

),

-- Ignore a word that two orders share.
unique_names as (

    select
        word,
        min(order_id) as named_id
    from names
    where word in (select words.word from words)
    group by word
    having count(distinct order_id) = 1

)

select distinct
    words.charge_id,
    unique_names.named_id as order_id
from words
inner join unique_names on words.word = unique_names.word
