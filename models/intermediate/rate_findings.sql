with

prices as (

    select
        *,
        lag(fixed) over by_time as fixed_before,
        lag(per_unit) over by_time as per_unit_before
    from {{ ref('rate_card') }}
    where source = 'inferred' and kind = 'base'
    window by_time as (partition by charge_type, zone order by valid_from)

),

changes as (

    select
        prices.charge_type,
        prices.valid_from,
        min(prices.zone) as zone,
        count(distinct prices.zone) as zones,
        min(prices.driver) as driver,
        min(prices.fixed) as fixed,
        min(prices.per_unit) as per_unit,
        min(prices.fixed_before) as fixed_before,
        min(prices.per_unit_before) as per_unit_before
    from prices
    where prices.fixed_before is not null
    group by prices.charge_type, prices.valid_from

)

select
    {{ finding(
        'rate_change', "charge_type || '-' || valid_from",
        "'Since ' || valid_from || ' ' || charge_type || case when zones > 1 then ' (for ' || zones || ' kinds of order)' "
        ~ "when zone <> '' then ' (' || zone || ')' else '' end || ' costs ' || " ~ money('fixed')
        ~ " || case when per_unit > 0 or per_unit_before > 0 then ' and ' || " ~ price_text('per_unit')
        ~ " || ' per ' || " ~ per_words('driver') ~ " else '' end || '; before, ' || " ~ money('fixed_before')
        ~ " || case when per_unit > 0 or per_unit_before > 0 then ' and ' "
        ~ "|| " ~ price_text('per_unit_before') ~ " else '' end || '. Was it agreed?'",
        {'charge_type': 'charge_type', 'valid_from': 'valid_from', 'per': 'driver', 'fixed': [money('fixed')],
        'per_unit': ['per_unit'], 'fixed_before': [money('fixed_before')],
        'per_unit_before': ['per_unit_before']},
        {'charge_type': 'charge_type', 'start_date': 'valid_from', 'occurrences': 'zones'}
    ) }}
from changes
