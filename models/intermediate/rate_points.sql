with

charges as (

    select
        charges.charge_type,
        charges.zone,
        periods.price_number,
        periods.driver,
        periods.fixed,
        periods.per_unit,
        charges.quantity,
        charges.amount
    from {{ ref('rate_charges') }} as charges
    inner join {{ ref('rate_periods') }} as periods
        on
            charges.charge_type = periods.charge_type and charges.zone = periods.zone
            and charges.date between periods.valid_from and periods.valid_to

),

counted as (

    select
        charge_type,
        zone,
        price_number,
        driver,
        fixed,
        per_unit,
        quantity,
        amount,
        count(*) as charges
    from charges
    group by charge_type, zone, price_number, driver, fixed, per_unit, quantity, amount

),

points as (

    select
        *,
        case when {{ is_explained('amount', 'fixed', 'per_unit', 'quantity') }} then 1 else 0 end as is_on_line
    from (
        select
            *,
            sum(charges) over point as all_charges,
            row_number() over (
                partition by charge_type, zone, price_number, quantity order by charges desc, amount asc
            ) as choice
        from counted
        window point as (partition by charge_type, zone, price_number, quantity)
    ) as ranked
    -- What grows with nothing has no quantities.
    where driver <> 'none' and choice = 1 and charges >= 3 and charges >= 0.6 * all_charges

)

select * from points
