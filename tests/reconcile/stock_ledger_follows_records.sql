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
    from {{ source('raw', 'item_quantities') }}
    where
        not _is_removed and item_id is not null
        and not ({{ lacks_a_counter() }} and {{ text('id') }} in (select record_key from unreadable))
    {%- if since != first_day_of_all() %} and updated_at >= {{ account_midnight(since) }}{% endif %}

)

select
    records.*,
    ledger.closing
from records
left join {{ ref('stock_ledger_daily') }} as ledger
    on records.item_id = ledger.item_id and records.date = ledger.date
where records.place = 1 and ledger.closing is distinct from records.physical
