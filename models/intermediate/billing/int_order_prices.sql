-- What a charge would cost that a shipped order lacks, by the price of its type.
select
    order_id,
    charge_type,
    {{ rounded_money('expected') }} as expected
from {{ ref('charge_prices') }}
where charge_id is null and expected is not null
