-- What the rate card says of a charge, and what before and after it fits: of its type, and of its quantity.
with

-- That a minimum charge or the price of one quantity still holds says nothing of the price as a whole.
rates as (

    select
        *,
        case when is_fit and (kind = 'base' or per_unit > 0) then 1 else 0 end as is_proof
    from {{ ref('rate_neighbours') }}
    where
        (is_right = 1 or is_sound)
        and charge_id not in (select unproven.charge_id from {{ ref('unproven_rates') }} as unproven)
        and charge_id not in (select others.charge_id from {{ ref('other_prices') }} as others)

),

-- When each price was seen, and which are the first and the last.
seen as (

    select
        charge_type,
        zone,
        valid_from,
        min(case when abs(amount - expected) <= {{ minor_unit(1.1) }} then date end) as price_first_seen,
        max(case when abs(amount - expected) <= {{ minor_unit(1.1) }} then date end) as price_last_seen,
        min(valid_from) over (partition by charge_type, zone) as first_valid_from,
        max(valid_from) over (partition by charge_type, zone) as last_valid_from
    from rates
    group by charge_type, zone, valid_from

)

select
    rates.*,
    sum(is_proof) over (
        -- By number, since what is billed for days of an earlier invoice would come first by its date.
        partition by rates.charge_type, rates.zone order by charge_id rows between unbounded preceding and current row
    ) as fits_earlier,
    sum(is_proof) over (
        partition by rates.charge_type, rates.zone order by date desc, charge_id desc
        rows between unbounded preceding and current row
    ) as fits_later,
    sum(case when is_fit then 1 else 0 end) over (
        partition by rates.charge_type, rates.zone, quantity order by date, charge_id
        rows between unbounded preceding and current row
    ) as fits_earlier_alike,
    sum(case when is_fit then 1 else 0 end) over (
        partition by rates.charge_type, rates.zone, quantity order by date desc, charge_id desc
        rows between unbounded preceding and current row
    ) as fits_later_alike,
    seen.price_first_seen,
    seen.price_last_seen,
    seen.first_valid_from,
    seen.last_valid_from,
    rates.amount - rates.expected as difference
from rates
inner join seen
    on rates.charge_type = seen.charge_type and rates.zone = seen.zone and rates.valid_from = seen.valid_from
