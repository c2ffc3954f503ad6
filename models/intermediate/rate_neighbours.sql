{%- set near -%}
    partition by charge_type, zone order by date, charge_id rows between 5 preceding and 5 following
{%- endset -%}
{%- set alike = 'partition by charge_type, zone, valid_from' -%}
with

rates as (

    select
        *,
        case when is_fit then 1 else 0 end as is_fitting,
        case when is_fit or is_net_fit or source = 'configured' then 1 else 0 end as is_right,
        min(case when is_fit then date end) over ({{ alike }}) as first_fit_date,
        max(case when is_fit then date end) over ({{ alike }}) as last_fit_date
    from {{ ref('charge_rates') }}

)

select
    *,
    -- In a crowd of wrong prices, what is off says nothing of another price; elsewhere, most neighbours in time fit.
    2 * sum(is_fitting) over ({{ near }}) > count(*) over ({{ near }}) as is_calm,
    count(*) over ({{ alike }}) as price_charges,
    -- What most may follow and many do not is no price to hold against those. What comes before the first that fits, or
    -- after the last, may follow another price, and says nothing of this one.
    5 * sum(is_fitting) over ({{ alike }})
    >= 3 * sum(case when date between first_fit_date and last_fit_date then 1 else 0 end) over ({{ alike }}) as is_sound
from rates
