select
    item_id,
    date,
    -- A sum that leaves out a warehouse would pass for the whole: unknown in one, unknown in all.
    case when count(supply) = count(*) then cast(sum(supply) as bigint) end as supply,
    case when count(prepared) = count(*) then cast(sum(prepared) as bigint) end as prepared,
    case when count(receiving) = count(*) then cast(sum(receiving) as bigint) end as receiving,
    case when count(volume_cuft) = count(*) then cast(sum(volume_cuft) as decimal(38, 24)) end as volume_cuft,
    case when count(price) = count(*) then cast(sum(price) as decimal(38, 24)) end as price,
    cast(sum(price) as decimal(38, 24)) as known_price,
    max(seen_at) as seen_at
from {{ ref('stg_inventory_history') }}
where
    date >= {{ rebuilt_from('history_from') }}
    and date >= {{ setting('earliest_date') }}
    and date <= (select today from {{ ref('int_account_today') }})
group by item_id, date
