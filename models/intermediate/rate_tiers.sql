with

off_line as (

    select
        *,
        min(quantity) over in_run as first_quantity,
        max(quantity) over in_run as last_quantity,
        first_value(amount) over (partition by charge_type, zone, price_number, run order by quantity) as first_amount,
        first_value(amount) over (partition by charge_type, zone, price_number, run order by quantity desc)
            as last_amount
    from {{ ref('rate_points') }}
    where is_on_line = 0
    window in_run as (partition by charge_type, zone, price_number, run)

),

sloped as (

    select
        *,
        cast(coalesce(case when last_amount < first_amount then -1 else 1 end * {{ rounded_quotient(
            'abs(last_amount - first_amount)', 'last_quantity - first_quantity', 4
        ) }}, 0) as decimal(18, 4)) as tier_per_unit
    from off_line

),

checked as (

    select
        *,
        {{ rounded_money('first_amount - tier_per_unit * first_quantity') }} as tier_fixed,
        min(case
            when {{ is_explained('amount', 'first_amount', 'tier_per_unit', '(quantity - first_quantity)') }} then 1
            else 0
        end) over in_run
        -- A line goes through any two points.
        * case when tier_per_unit = 0 or count(*) over in_run > 2 then 1 else 0 end as is_line
    from sloped
    window in_run as (partition by charge_type, zone, price_number, run)

),

-- One row per run of quantities that one line explains; where none does, one per quantity.
tiers as (

    select
        charge_type,
        zone,
        price_number,
        quantity,
        above_quantity,
        below_quantity,
        charges,
        case when is_line = 1 then first_quantity else quantity end as from_quantity,
        case when is_line = 1 then last_quantity else quantity end as to_quantity,
        case when is_line = 1 then tier_fixed else amount end as fixed,
        case when is_line = 1 then tier_per_unit else 0 end as per_unit
    from checked
    -- A single quantity with a price of its own must be sure of it.
    where charges >= 5 or first_quantity < last_quantity

)

select
    charge_type,
    zone,
    price_number,
    from_quantity,
    to_quantity,
    -- The nearest quantity on either side that another price explains; none: the tier goes on.
    min(case when quantity = from_quantity then above_quantity end) as above_quantity,
    min(case when quantity = to_quantity then below_quantity end) as below_quantity,
    fixed,
    per_unit,
    sum(charges) as charges
from tiers
group by charge_type, zone, price_number, from_quantity, to_quantity, fixed, per_unit
