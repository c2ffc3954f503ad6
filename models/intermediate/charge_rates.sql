{%- set proves = '(precedence >= highest or precedence = 0 or not is_in_force)' -%}
with

compared as (

    select
        *,
        max(case when is_in_force then precedence end) over (partition by charge_id) as highest,
        min(precedence) over (partition by charge_id) = 0 as is_unsure
    from {{ ref('rate_expectations') }}

),

-- A price that does not hold at this quantity proves nothing; one of an earlier day, or next to a gap, may.
judged as (

    select
        *,
        max(case when abs(amount - expected) <= {{ minor_unit(1.1) }} and {{ proves }} then 1 else 0 end) over (
            partition by charge_id
        ) as is_fit,
        max(case when abs(net_amount - expected) <= {{ minor_unit(1.1) }} and {{ proves }} then 1 else 0 end) over (
            partition by charge_id
        ) as is_net_fit,
        row_number() over (
            partition by charge_id
            order by case when is_in_force then 0 else 1 end, precedence desc, source asc, fixed asc
        ) as choice
    from compared

),

-- Next to a price of its own kind, a quantity that the data do not show proves nothing.
chosen as (

    select
        *,
        count(*) over alike as charges_alike,
        sum(is_fit) over alike as fitting_alike,
        max(is_fit) over below as is_fit_below,
        max(is_fit) over above as is_fit_above
    from judged
    where choice = 1 and (is_fit = 1 or highest = 2 or not is_unsure)
    window
        alike as (partition by charge_type, zone, valid_from, quantity),
        below as (
            partition by charge_type, zone, valid_from
            order by quantity, charge_id rows between 2 preceding and 1 preceding
        ),
        above as (
            partition by charge_type, zone, valid_from
            order by quantity, charge_id rows between 1 following and 2 following
        )

)

select
    charge_id,
    charge_type,
    zone,
    date,
    amount,
    driver,
    source,
    quantity,
    fixed,
    per_unit,
    minimum,
    kind,
    valid_from,
    expected,
    is_fit = 1 as is_fit,
    is_net_fit = 1 as is_net_fit
from chosen
where
    is_fit = 1 or source = 'configured'
    -- Where most charges of a quantity are off an inferred price, or both neighbours of a rare one, it is the price
    -- that does not hold there.
    or (charges_alike >= 4 and fitting_alike >= 0.4 * charges_alike)
    or (charges_alike < 4 and coalesce(is_fit_below, 1) = 1 and coalesce(is_fit_above, 1) = 1)
