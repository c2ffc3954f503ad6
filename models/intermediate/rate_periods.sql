with

prices as (

    select
        charge_type,
        driver,
        zone,
        price_number,
        fixed,
        per_unit,
        lag(fixed) over by_time as fixed_before,
        lag(per_unit) over by_time as per_unit_before,
        lag(max(last_block_date)) over by_time as from_date,
        min(first_block_date) as to_date
    from {{ ref('rate_runs') }}
    group by charge_type, driver, zone, price_number, fixed, per_unit
    window by_time as (partition by charge_type, zone order by price_number)

),

-- Between the last block of one price and the first of the next: how many more charges of a day follow the old one?
days as (

    select
        prices.charge_type,
        prices.zone,
        prices.price_number,
        charges.date,
        sum(
            case when {{ is_explained('charges.amount', 'prices.fixed_before', 'prices.per_unit_before', 'charges.quantity') }}
                then 1 else 0 end
            - case when {{ is_explained('charges.amount', 'prices.fixed', 'prices.per_unit', 'charges.quantity') }}
                then 1 else 0 end
        ) as follow_old
    from prices
    inner join {{ ref('rate_charges') }} as charges
        on
            prices.charge_type = charges.charge_type and prices.zone = charges.zone
            and charges.date between prices.from_date and prices.to_date
    group by prices.charge_type, prices.zone, prices.price_number, charges.date

),

-- A new price begins on the day before which most follow the old one, and from which most follow the new one.
starts as (

    select
        *,
        -- Of days that explain as many, the first: old orders may still follow the old price.
        row_number() over (partition by charge_type, zone, price_number order by followed_old desc, date asc) as choice
    from (
        select
            *,
            coalesce(sum(follow_old) over (
                partition by charge_type, zone, price_number
                order by date rows between unbounded preceding and 1 preceding
            ), 0) as followed_old
        from days
    ) as summed

)

select
    prices.charge_type,
    prices.driver,
    prices.zone,
    prices.price_number,
    prices.fixed,
    prices.per_unit,
    coalesce(starts.date, date '1970-01-01') as valid_from,
    coalesce({{ day_before('lead(starts.date) over by_time') }}, date '9999-12-31') as valid_to
from prices
left join starts
    on
        prices.charge_type = starts.charge_type and prices.zone = starts.zone
        and prices.price_number = starts.price_number and starts.choice = 1
window by_time as (partition by prices.charge_type, prices.zone order by prices.price_number)
