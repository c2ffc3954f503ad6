with

-- A record that was dated in the future when it was read is replaced by any later reading.
corrected as (

    select distinct
        early.id,
        early.updated_at
    from {{ source('raw', 'item_quantities') }} as early
    inner join {{ source('raw', 'item_quantities') }} as late on early.id = late.id and early._seen_at < late._seen_at
    where
        early.updated_at > early._seen_at
        and {{ account_date('early.updated_at') }} > {{ account_date('early._seen_at') }}
        and (late.updated_at is distinct from early.updated_at or late._is_removed)

),

versions as (

    select
        records.*,
        row_number() over (
            partition by records.id, records.updated_at order by records._seen_at desc, records._dlt_load_id desc
        ) as recency
    from {{ source('raw', 'item_quantities') }} as records
    left join corrected on records.id = corrected.id and records.updated_at = corrected.updated_at
    -- Keep records that the API no longer lists because they were overwritten in place or their item was deleted: the
    -- stock did change.
    where not records._is_removed and corrected.id is null

),

unreadable as (

    {{ unreadable_stock_records() | indent(4) }}

)

select
    id as record_id,
    item_id,
    sku,
    coalesce(supply, 0) as supply,
    coalesce(receiving, 0) as receiving,
    coalesce(prepared, 0) as prepared,
    coalesce(back_ordered, 0) as back_ordered,
    coalesce(delivered, 0) as delivered,
    created_at,
    updated_at,
    _seen_at as seen_at
from versions
where
    recency = 1 and item_id is not null
    and not ({{ lacks_a_counter() }} and {{ text('id') }} in (select record_key from unreadable))
