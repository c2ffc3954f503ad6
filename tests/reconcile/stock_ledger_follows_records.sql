-- A day closes with the stock of its last record, taken from raw and not from any model.
{% set since = checked_from('ledger_from') -%}
with

unreadable as (

    {{ unreadable_stock_records() | indent(4) }}

),

records as (

    select
        item_id,
        {{ account_date('updated_at') }} as date,
        coalesce(supply, 0) + coalesce(prepared, 0) as physical,
        row_number() over (
            partition by item_id, {{ account_date('updated_at') }}
            order by updated_at desc, id desc, _seen_at desc, _dlt_load_id desc
        ) as place
    from {{ source('raw', 'item_quantities') }} as versions
    where
        not _is_removed and item_id is not null
        and not ({{ lacks_a_counter() }} and {{ text('id') }} in (select record_key from unreadable))
        and {{ account_date('updated_at') }} >= {{ setting('earliest_date') }}
        and {{ account_date('updated_at') }} <= (select today from {{ ref('int_account_today') }})
        -- Nor one that was dated ahead when it was read, and has been replaced since.
        and not (
            {{ account_date('updated_at') }} > {{ account_date('_seen_at') }}
            and exists (
                select 1 from {{ source('raw', 'item_quantities') }} as later
                where
                    later.id = versions.id and later._seen_at > versions._seen_at
                    and (later._is_removed or later.updated_at <> versions.updated_at)
            )
        )
    {%- if is_plan() or since != first_day_of_all() %} and updated_at >= {{ account_midnight(since) }}{% endif %}

)

select
    records.*,
    ledger.closing
from records
left join {{ ref('stock_ledger_daily') }} as ledger
    on records.item_id = ledger.item_id and records.date = ledger.date
where records.place = 1 and ledger.closing is distinct from records.physical
