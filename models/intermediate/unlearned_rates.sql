-- Types, or zones of them, whose price is not known yet; how much there is, and what is wanting.
select
    observed.charge_type,
    {{ rate_place('choices.by_zone', 'observed') }} as zone,
    count(*) as charges,
    case
        when count(*) < 20 then count(*) || ' charges so far; 20 are needed.'
        else
            'No price explains 75 % of its ' || count(*) || ' charges, by units, lines, weight, volume or quantity.'
    end as note
from {{ ref('rate_observations') }} as observed
left join {{ ref('rate_choices') }} as choices on observed.charge_type = choices.charge_type
left join (
    select distinct
        charge_type,
        zone
    from {{ ref('rate_periods') }}
) as known
    on
        observed.charge_type = known.charge_type
        and known.zone = {{ rate_place('choices.by_zone', 'observed') }}
where known.charge_type is null
group by observed.charge_type, {{ rate_place('choices.by_zone', 'observed') }}
