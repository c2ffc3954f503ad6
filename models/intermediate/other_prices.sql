with

off as (

    select
        charge_id,
        charge_type,
        zone,
        valid_from,
        date,
        case when is_calm then 1 else 0 end as calm,
        amount - expected as difference,
        cast({{ rounded_quotient('amount', 'expected', 3) }} as decimal(18, 3)) as multiple
    from {{ ref('rate_neighbours') }}
    where is_right = 0 and expected > 0

),

totals as (

    select
        charge_type,
        zone,
        valid_from,
        count(*) as charges
    from {{ ref('charge_rates') }}
    group by charge_type, zone, valid_from

),

counted as (

    select
        off.charge_id,
        totals.charges,
    {%- for alike in ('difference', 'multiple') %}
        count(*) over by_{{ alike }} as with_{{ alike }},
        sum(off.calm) over by_{{ alike }} as calm_with_{{ alike }},
        {{ days_in('min(off.date) over by_' ~ alike, 'max(off.date) over by_' ~ alike) }} as days_with_{{ alike }}
        {{- ',' if not loop.last }}
    {%- endfor %}
    from off
    inner join totals
        on off.charge_type = totals.charge_type and off.zone = totals.zone and off.valid_from = totals.valid_from
    window
        by_difference as (partition by off.charge_type, off.zone, off.valid_from, off.difference),
        by_multiple as (partition by off.charge_type, off.zone, off.valid_from, off.multiple)

)

-- What a tenth of the charges cost, day after day among the others, is a price as well, for something unknown.
select charge_id
from counted
where
{%- for alike in ('difference', 'multiple') %}
        (
            calm_with_{{ alike }} >= 10 and 10 * calm_with_{{ alike }} >= charges and days_with_{{ alike }} >= 10
            and 10 * calm_with_{{ alike }} >= 7 * with_{{ alike }}
        )
        {{- ' or' if not loop.last }}
{%- endfor %}
