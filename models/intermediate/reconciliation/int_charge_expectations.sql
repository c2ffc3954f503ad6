{%- set quantities = {'units': 'units', 'lines': 'lines', 'quantity': 'quantity', 'weight': 'weight', 'volume': 'volume',
    'started_weight': 'ceiling(facts.weight)', 'started_volume': 'ceiling(facts.volume)', 'value': 'value'} -%}
-- What prices say of each charge but storage: the only model between price learning and the verdicts.
with

priced as (

    select
        facts.charge_id,
        facts.amount,
        facts.amount - coalesce(settlements.credited, 0) as net_amount,
        case learned.per
            {%- for name, column in quantities.items() %}
            when '{{ name }}' then cast({{ column if '(' in column else 'facts.' ~ column }} as decimal(18, 4))
            {%- endfor %}
        end as quantity,
        prices.expected,
        prices.tolerance,
        prices.alike,
        prices.reason,
        prices.is_trusted,
        coalesce(learned.is_trusted, false) as is_price_trusted,
        coalesce(learned.source, '') = 'contract' as is_contract,
        learned.segment,
        learned.family,
        learned.formula,
        learned.per,
        learned.fixed,
        learned.per_unit,
        learned.valid_from,
        learned.charges,
        learned.explained
    from {{ ref('int_charge_facts') }} as facts
    inner join {{ ref('charge_prices') }} as prices on facts.charge_id = prices.charge_id
    left join {{ ref('learned_prices') }} as learned on prices.price_id = learned.price_id
    left join {{ ref('int_charge_settlements') }} as settlements on facts.charge_id = settlements.charge_id
    where
        facts.amount > 0
        -- Of a charge that a credit takes back in part, what is left is compared.
        and (
            facts.set_aside is null
            or (settlements.credited > 0 and settlements.settled_by is null and settlements.replaces is null
            and settlements.duplicate_of is null)
        )

)

select
    charge_id,
    cast(expected as {{ money_type() }}) as expected,
    is_contract,
    coalesce(is_price_trusted and abs(amount - expected) <= tolerance, false) as is_fit,
    coalesce(is_price_trusted and abs(net_amount - expected) <= tolerance, false) as is_net_fit,
    is_trusted as is_sure,
    case
        when per in ('units', 'lines') and quantity is not null
            then 'with ' || {{ number_text('quantity') }} || ' '
                || case when quantity = 1 then replace(per, 's', '') else per end || ' '
        when quantity is not null then 'at ' || replace(per, '_', ' ') || ' ' || {{ number_text('quantity') }} || ' '
        else ''
    end
    || 'costs ' || {{ money('expected') }} || case when family = 'fixed' then '' else ' (' || formula || ')' end as price,
    explained || ' of ' || charges || ' charges follow it'
    || case when segment <> '' then ' (' || segment || ')' else '' end
    || case when valid_from > date '1970-01-01' then ' since ' || valid_from else '' end
    || case
        when abs(amount - expected) <= tolerance then ''
        else ', ' || alike || case when alike = 1 then ' other is' else ' others are' end || ' off by as much'
    end as rests_on,
    reason as why_not,
    case when expected is not null then {{ json_text({
        'source': "case when is_contract then 'contract' else 'learned' end", 'formula': 'formula', 'segment': 'segment',
        'per': 'per', 'quantity': ['quantity'], 'fixed': ['fixed'], 'per_unit': ['per_unit'],
    }) }} end as terms_json
from priced
