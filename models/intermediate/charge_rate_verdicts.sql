with

-- What comes after the last charge that fits, or the last of its quantity, is an error, if it is one; perhaps a new
-- price, if several are alike.
last_ones as (

    select
        charge_type,
        zone,
        date,
        difference,
        count(*) over (partition by charge_type, zone) as charges,
        greatest(
            count(*) over (partition by charge_type, zone, difference),
            count(*) over (partition by charge_type, zone, {{ rounded_quotient('amount', 'expected', 3) }}),
            count(*) over (
                partition by
                    charge_type, zone, sign(difference), {{ rounded_quotient('abs(difference)', 'quantity', 3) }}
            )
        ) as alike,
        2 as enough
    from {{ ref('charge_rate_trends') }}
    where fits_later = 0 and source = 'inferred'
    union all
    select
        charge_type,
        zone,
        date,
        difference,
        count(*) over (partition by charge_type, zone, quantity) as charges,
        count(*) over (partition by charge_type, zone, quantity, difference) as alike,
        4 as enough
    from {{ ref('charge_rate_trends') }}
    where fits_later_alike = 0 and source = 'inferred'

),

new_prices as (

    select
        charge_type,
        zone,
        min(date) as since,
        max(charges) as charges
    from last_ones
    where charges >= enough and alike >= 0.6 * charges
    group by charge_type, zone

),

-- What differs as they do may follow the new price already: old and new paperwork come in one heap.
differences as (

    select distinct
        last_ones.charge_type,
        last_ones.zone,
        last_ones.difference
    from last_ones
    inner join new_prices on last_ones.charge_type = new_prices.charge_type and last_ones.zone = new_prices.zone
    where last_ones.date >= new_prices.since

)

select
    rates.*,
    case
        when
            rates.source = 'inferred' and not rates.is_fit
            and (rates.date >= new_prices.since or differences.difference is not null)
            then new_prices.charges
    end as charges_at_new_price,
    new_prices.since as new_price_since
from {{ ref('charge_rate_trends') }} as rates
left join new_prices on rates.charge_type = new_prices.charge_type and rates.zone = new_prices.zone
left join differences
    on
        rates.charge_type = differences.charge_type and rates.zone = differences.zone
        and rates.difference = differences.difference
        and rates.date >= {{ dbt.dateadd('day', -14, 'new_prices.since') }}
