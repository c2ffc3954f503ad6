{%- set near -%}
    partition by charge_type, zone order by date, charge_id rows between 5 preceding and 5 following
{%- endset -%}
{%- set alike = 'partition by charge_type, zone, valid_from' -%}
select
    *,
    -- In a crowd of wrong prices, what is off says nothing of another price; elsewhere, most neighbours in time fit.
    2 * sum(is_fitting) over ({{ near }}) > count(*) over ({{ near }}) as is_calm,
    -- What most may follow and many do not is no price to hold against those.
    5 * sum(is_fitting) over ({{ alike }}) >= 3 * count(*) over ({{ alike }}) as is_sound
from (
    select
        *,
        case when is_fit then 1 else 0 end as is_fitting,
        case when is_fit or is_net_fit or source = 'configured' then 1 else 0 end as is_right
    from {{ ref('charge_rates') }}
) as rates
