with

prices as (

    select
        charge_type,
        zone,
        driver,
        valid_from,
        valid_to,
        cast(null as decimal(18, 4)) as from_quantity,
        cast(null as decimal(18, 4)) as to_quantity,
        cast(null as decimal(18, 4)) as above_quantity,
        cast(null as decimal(18, 4)) as below_quantity,
        fixed,
        per_unit,
        'base' as kind
    from {{ ref('rate_periods') }}
    union all
    select
        tiers.charge_type,
        tiers.zone,
        periods.driver,
        periods.valid_from,
        periods.valid_to,
        tiers.from_quantity,
        tiers.to_quantity,
        tiers.above_quantity,
        tiers.below_quantity,
        tiers.fixed,
        tiers.per_unit,
        case when tiers.above_quantity is null and tiers.per_unit = 0 then 'minimum' else 'tier' end as kind
    from {{ ref('rate_tiers') }} as tiers
    inner join {{ ref('rate_periods') }} as periods
        on
            tiers.charge_type = periods.charge_type and tiers.zone = periods.zone
            and tiers.price_number = periods.price_number

),

seen as (

    select
        prices.charge_type,
        prices.zone,
        prices.valid_from,
        prices.from_quantity,
        count(*) as charges,
        sum(case when {{ is_explained('charges.amount', 'prices.fixed', 'prices.per_unit', 'charges.quantity') }}
            then 1 else 0 end) as explained
    from prices
    inner join {{ ref('rate_charges') }} as charges
        on
            prices.charge_type = charges.charge_type and prices.zone = charges.zone
            and charges.date between prices.valid_from and prices.valid_to
            and (
                prices.from_quantity is null
                or charges.quantity between prices.from_quantity and prices.to_quantity
            )
    group by prices.charge_type, prices.zone, prices.valid_from, prices.from_quantity

)

select
    prices.*,
    seen.charges,
    cast({{ rounded_quotient('seen.explained', 'seen.charges', 4) }} as decimal(9, 4)) as explained_share
from prices
inner join seen
    on
        prices.charge_type = seen.charge_type and prices.zone = seen.zone
        and prices.valid_from = seen.valid_from and prices.from_quantity is not distinct from seen.from_quantity
