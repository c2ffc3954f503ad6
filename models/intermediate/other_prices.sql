with

off as (

    select
        charge_id,
        charge_type,
        zone,
        valid_from,
        price_charges,
        date,
        case when is_calm then 1 else 0 end as calm,
        amount - expected as difference,
        cast({{ rounded_quotient('amount', 'expected', 3) }} as decimal(18, 3)) as multiple
    from {{ ref('rate_neighbours') }}
    where is_right = 0 and expected > 0

),

counted as (

    select
        charge_id,
        price_charges,
    {%- for alike in ('difference', 'multiple') %}
        count(*) over by_{{ alike }} as with_{{ alike }},
        sum(calm) over by_{{ alike }} as calm_with_{{ alike }},
        {{ days_in('min(date) over by_' ~ alike, 'max(date) over by_' ~ alike) }} as days_with_{{ alike }}
        {{- ',' if not loop.last }}
    {%- endfor %}
    from off
    window
        by_difference as (partition by charge_type, zone, valid_from, difference),
        by_multiple as (partition by charge_type, zone, valid_from, multiple)

)

-- What a tenth of the charges cost, day after day among the others, is a price as well, for something unknown.
select charge_id
from counted
where
{%- for alike in ('difference', 'multiple') %}
        (
            calm_with_{{ alike }} >= 10 and 10 * calm_with_{{ alike }} >= price_charges and days_with_{{ alike }} >= 10
            and 10 * calm_with_{{ alike }} >= 7 * with_{{ alike }}
        )
        {{- ' or' if not loop.last }}
{%- endfor %}
