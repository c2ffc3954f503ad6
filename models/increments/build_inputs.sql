-- What the tables of whole days depend on, beside the raw rows that are dated themselves. A value that differs from the
-- one of the build before has all days from `since` on built again.
select
    'models' as kind,
    'version' as key,
    '{{ models_and_settings() | replace("'", "''") }}' as value,
    {{ first_day_of_all() }} as since
union all
select
    'load' as kind,
    load_id as key,
    null as value,
    null as since
from {{ source('raw', '_dlt_loads') }}
union all
select
    'item' as kind,
    cast(item_id as varchar) as key,
    sku as value,
    {{ account_date('first_seen_at') }} as since
from {{ ref('items') }}
union all
select
    'day' as kind,
    cast(date as varchar) as key,
    cast(quantities_read_at as varchar) as value,
    date as since
from {{ ref('stock_days') }}
union all
select
    'storage charge' as kind,
    cast(charge_id as varchar) as key,
    coalesce(cast(amount as varchar), '') || coalesce(' item ' || item_id, '') || ' ' || start_date || ' ' || end_date
    || case when is_billed then ' billed' else '' end as value,
    start_date as since
from {{ ref('charges') }}
where lower(charge_type) = 'storage' and not is_withdrawn and start_date <= end_date
