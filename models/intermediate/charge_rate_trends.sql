-- What the rate card says of a charge, and what before and after it fits: of its type, and of its quantity.
with

-- That a minimum charge or the price of one quantity still holds says nothing of the price as a whole.
rates as (

    select
        *,
        case when is_fit and (kind = 'base' or per_unit > 0) then 1 else 0 end as is_proof
    from {{ ref('charge_rates') }}

)

select
    *,
    sum(is_proof) over (
        -- By number, since what is billed for days of an earlier invoice would come first by its date.
        partition by charge_type, zone order by charge_id rows between unbounded preceding and current row
    ) as fits_earlier,
    sum(is_proof) over (
        partition by charge_type, zone order by date desc, charge_id desc
        rows between unbounded preceding and current row
    ) as fits_later,
    sum(case when is_fit then 1 else 0 end) over (
        partition by charge_type, zone, quantity order by date, charge_id
        rows between unbounded preceding and current row
    ) as fits_earlier_alike,
    sum(case when is_fit then 1 else 0 end) over (
        partition by charge_type, zone, quantity order by date desc, charge_id desc
        rows between unbounded preceding and current row
    ) as fits_later_alike,
    min(case when abs(amount - expected) <= 0.011 then date end) over price as price_first_seen,
    max(case when abs(amount - expected) <= 0.011 then date end) over price as price_last_seen,
    min(valid_from) over (partition by charge_type, zone) as first_valid_from,
    max(valid_from) over (partition by charge_type, zone) as last_valid_from,
    amount - expected as difference
from rates
window price as (partition by charge_type, zone, valid_from)
