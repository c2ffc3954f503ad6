-- What the rate card says of a charge, and whether anything later fits it: of its type, and of its quantity.
select
    *,
    max(case when is_fit then 1 else 0 end) over (
        partition by charge_type, zone order by date desc, charge_id desc
        rows between unbounded preceding and current row
    ) as fits_later,
    max(case when is_fit then 1 else 0 end) over (
        partition by charge_type, zone, quantity order by date desc, charge_id desc
        rows between unbounded preceding and current row
    ) as fits_later_alike,
    amount - expected as difference
from {{ ref('charge_rates') }}
