select
    item_id,
    date,
    cast(sum(supply) as bigint) as supply,
    cast(sum(prepared) as bigint) as prepared,
    cast(sum(receiving) as bigint) as receiving,
    -- A sum that leaves out a warehouse would pass for the whole: unknown in one, unknown in all.
    case when count(volume_cuft) = count(*) then cast(sum(volume_cuft) as decimal(38, 24)) end as volume_cuft,
    case when count(price) = count(*) then cast(sum(price) as decimal(38, 24)) end as price
from {{ ref('stg_inventory_history') }}
group by item_id, date
