with

counted as (

    select
        charges.charge_type,
        charges.zone,
        periods.price_number,
        periods.fixed,
        periods.per_unit,
        charges.quantity,
        charges.amount,
        count(*) as charges
    from {{ ref('rate_charges') }} as charges
    inner join {{ ref('rate_periods') }} as periods
        on
            charges.charge_type = periods.charge_type and charges.zone = periods.zone
            and charges.date between periods.valid_from and periods.valid_to
    -- What grows with nothing has no quantities.
    where periods.driver <> 'none'
    group by
        charges.charge_type, charges.zone, periods.price_number, periods.fixed, periods.per_unit,
        charges.quantity, charges.amount

),

points as (

    select
        *,
        case when {{ is_explained('amount', 'fixed', 'per_unit', 'quantity') }} then 1 else 0 end as is_on_line
    from (
        select
            *,
            sum(charges) over (partition by charge_type, zone, price_number, quantity) as all_charges,
            row_number() over (
                partition by charge_type, zone, price_number, quantity order by charges desc, amount asc
            ) as choice
        from counted
    ) as ranked
    where choice = 1 and charges >= 3 and charges >= 0.6 * all_charges

),

neighbours as (

    select
        *,
        lag(quantity) over by_quantity as above_quantity,
        lead(quantity) over by_quantity as below_quantity,
        case when is_on_line = lag(is_on_line) over by_quantity then 0 else 1 end as is_new
    from points
    window by_quantity as (partition by charge_type, zone, price_number order by quantity)

)

select
    charge_type,
    zone,
    price_number,
    quantity,
    above_quantity,
    below_quantity,
    amount,
    charges,
    is_on_line,
    sum(is_new) over (partition by charge_type, zone, price_number order by quantity) as run
from neighbours
