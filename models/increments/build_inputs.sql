-- Inputs of the tables by day, except the raw rows that have dates of their own. If a value differs from the last
-- build's, all days from `since` on are rebuilt.
select
    'models' as kind,
    'version' as key,
    '{{ '<<fingerprint>>' if is_plan() else local_md5(models_and_settings()) }}' as value,
    {{ first_day_of_all() }} as since
union all
select
    'today' as kind,
    'service' as key,
    {{ text('today') }} as value,
    cast(null as date) as since
from {{ ref('int_account_today') }}
union all
select
    'load' as kind,
    load_id as key,
    cast(null as {{ column_type('varchar') }}) as value,
    cast(null as date) as since
from {{ source('raw', '_dlt_loads') }}
union all
select
    'item' as kind,
    {{ text('item_id') }} as key,
    sku as value,
    {{ account_date('first_seen_at') }} as since
from {{ ref('items') }}
union all
select
    'day' as kind,
    {{ text('date') }} as key,
    {{ text('quantities_read_at') }} as value,
    date as since
from {{ ref('int_stock_days') }}
union all
select
    'storage charge' as kind,
    {{ text('charge_id') }} as key,
    coalesce({{ text('amount') }}, '') || coalesce(' item ' || item_id, '') || ' ' || start_date || ' ' || end_date
    || case when is_billed then ' billed' else '' end as value,
    start_date as since
from {{ ref('charges') }}
where lower(charge_type) = 'storage' and not is_withdrawn and start_date <= end_date
