select
    province_code,
    count(*) as orders,
    sum(units) as units
from {{ ref('logentic', 'orders') }}
where not is_deleted
group by province_code
