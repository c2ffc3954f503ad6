with

off as (

    select
        charge_id,
        charge_type,
        zone,
        date,
        amount - expected as difference,
        cast({{ rounded_quotient('amount', 'expected', 3) }} as decimal(18, 3)) as multiple
    from {{ ref('rate_neighbours') }}
    where is_right = 0 and is_calm and expected > 0

),

totals as (

    select
        charge_type,
        zone,
        count(*) as charges
    from {{ ref('charge_rates') }}
    group by charge_type, zone

),

counted as (

    select
        off.charge_id,
        totals.charges,
        greatest(count(*) over by_difference, count(*) over by_multiple) as alike,
        greatest(
            {{ days_in('min(off.date) over by_difference', 'max(off.date) over by_difference') }},
            {{ days_in('min(off.date) over by_multiple', 'max(off.date) over by_multiple') }}
        ) as days
    from off
    inner join totals on off.charge_type = totals.charge_type and off.zone = totals.zone
    window
        by_difference as (partition by off.charge_type, off.zone, off.difference),
        by_multiple as (partition by off.charge_type, off.zone, off.multiple)

)

-- What a tenth of the charges cost, day after day among the others, is a price as well, for something unknown.
select charge_id
from counted
where alike >= 10 and 10 * alike >= charges and days >= 10
