with

prices as (

    select
        charge_type,
        driver,
        zone,
        price_number,
        fixed,
        per_unit,
        max(last_block_date) as last_block_date,
        min(first_block_date) as first_block_date
    from {{ ref('rate_runs') }}
    group by charge_type, driver, zone, price_number, fixed, per_unit

),

changes as (

    select
        prices.*,
        before.fixed as fixed_before,
        before.per_unit as per_unit_before,
        before.last_block_date as from_date
    from prices
    inner join prices as before
        on
            prices.charge_type = before.charge_type and prices.zone = before.zone
            and prices.price_number = before.price_number + 1

),

-- Between the last block of one price and the first of the next: on which day does the change explain most charges?
days as (

    select
        changes.charge_type,
        changes.zone,
        changes.price_number,
        charges.date,
        sum(case
            when
                {{ is_explained('charges.amount', 'changes.fixed_before', 'changes.per_unit_before', 'charges.quantity') }}
                then 1
            else 0
        end) as old,
        sum(case
            when {{ is_explained('charges.amount', 'changes.fixed', 'changes.per_unit', 'charges.quantity') }}
                then 1
            else 0
        end) as new
    from changes
    inner join {{ ref('rate_charges') }} as charges
        on
            changes.charge_type = charges.charge_type and changes.zone = charges.zone
            and charges.date between changes.from_date and changes.first_block_date
    group by changes.charge_type, changes.zone, changes.price_number, charges.date

),

scored as (

    select
        *,
        coalesce(sum(old) over (
            partition by charge_type, zone, price_number order by date rows between unbounded preceding and 1 preceding
        ), 0)
        + sum(new) over (
            partition by charge_type, zone, price_number
            order by date desc rows between unbounded preceding and current row
        ) as explained
    from days

),

starts as (

    select
        charge_type,
        zone,
        price_number,
        date as valid_from
    from (
        select
            *,
            row_number() over (
                partition by charge_type, zone, price_number
                -- Of days that explain as many, the first: old orders may still follow the old price.
                order by explained desc, date asc
            ) as choice
        from scored
    ) as chosen
    where choice = 1

)

select
    prices.charge_type,
    prices.driver,
    prices.zone,
    prices.price_number,
    prices.fixed,
    prices.per_unit,
    coalesce(starts.valid_from, date '1970-01-01') as valid_from,
    coalesce(
        {{ day_before('lead(starts.valid_from) over (partition by prices.charge_type, prices.zone order by prices.price_number)') }},
        date '9999-12-31'
    ) as valid_to
from prices
left join
    starts
    on prices.charge_type = starts.charge_type and prices.zone = starts.zone and prices.price_number = starts.price_number
