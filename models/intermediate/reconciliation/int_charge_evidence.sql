{%- set quantities = {'units': 'units', 'lines': 'lines', 'quantity': 'quantity', 'weight': 'weight', 'volume': 'volume',
    'started_weight': 'ceiling(facts.weight)', 'started_volume': 'ceiling(facts.volume)', 'value': 'value'} -%}
{#- If more than this share of a type lies outside the days of its invoices, that is how the type is billed. -#}
{%- set outside_share, outside_charges = 0.05, 3 -%}
{%- set lies_outside = 'case when periods.is_known and charges.is_billed and settlements.replaces is null'
    ~ ' and (charges.start_date < periods.first_date or charges.end_date > periods.last_date) then 1 else 0 end' -%}
with

settlements as (

    select * from {{ ref('int_charge_settlements') }}

),

-- The result of the price check for each charge except storage.
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
        {{ price_scope('learned.segment', 'learned.tier') }} as segment,
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
    left join settlements on facts.charge_id = settlements.charge_id
    where
        facts.amount > 0
        -- If a credit takes back part of a charge, compare the remaining amount.
        and (
            facts.set_aside is null
            or (settlements.credited > 0 and settlements.settled_by is null and settlements.replaces is null
            and settlements.duplicate_of is null)
        )

),

prices as (

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
        -- A price is evidence of an exception only if the charge differs from it.
        case when expected is not null and not coalesce(is_price_trusted and abs(amount - expected) <= tolerance, false) then {{ json_text({
            'source': "case when is_contract then 'contract' else 'learned' end", 'formula': 'formula', 'segment': 'segment',
            'per': 'per', 'quantity': ['quantity'], 'fixed': ['fixed'], 'per_unit': ['per_unit'],
        }) }} end as terms_json
    from priced

),

-- If no orders were read, nothing can be concluded about orders.
orders as (

    select * from {{ ref('int_order_attributes') }}

),

reach as (

    select count(*) > 0 as has_orders from orders

),

-- Count in a separate query: a window function over rows this wide would hold all of them in memory.
alike as (

    select
        lower(charges.charge_type) as type_name,
        coalesce(periods.source, '') as source,
        count(*) as charges,
        sum({{ lies_outside }}) as outside
    from {{ ref('charges') }} as charges
    left join settlements on charges.charge_id = settlements.charge_id
    left join {{ ref('int_invoice_periods') }} as periods on charges.payment_id = periods.payment_id
    where not charges.is_withdrawn
    group by lower(charges.charge_type), coalesce(periods.source, '')

)

select
    charges.charge_id,
    charges.payment_id,
    charges.charge_type,
    charges.order_id,
    charges.item_id,
    charges.amount,
    charges.start_date,
    charges.end_date,
    charges.billed_date,
    charges.is_billed,
    charges.is_amount_unreadable,
    lower(charges.charge_type) = 'storage' as is_storage,
    lower(charges.charge_type) = 'storage' and stored.charge_id is null as is_unallocated,
    charges.amount - coalesce(settlements.credited, 0) as net_amount,
    settlements.settled_by,
    settlements.part_of,
    settlements.credited,
    settlements.credited_by,
    settlements.replaces,
    settlements.duplicate_of,
    settlements.repeated_of_type,
    settlements.charges_of_type,
    coalesce(orders.is_cancelled, false) as is_cancelled,
    charges.order_id is not null and orders.order_id is null and reach.has_orders as is_unknown_order,
    orders.order_id as known_order_id,
    orders.warehouse_id,
    expectations.missing_days,
    expectations.days,
    expectations.is_contract as is_storage_contract,
    storage.basis as storage_basis,
    -- A contract price applies even if the bills do not follow any price.
    case when storage.is_explained then storage.expected else storage.configured end as storage_expected,
    storage.configured as storage_configured,
    storage.is_explained as is_storage_explained,
    storage.is_addition as is_storage_addition,
    storage.explained as storage_explained,
    storage.charges as storage_charges,
    periods.first_date as period_start,
    periods.last_date as period_end,
    periods.source as period_source,
    periods.share as period_share,
    periods.has_storage as period_has_storage,
    {{ lies_outside }} as lies_outside,
    alike.outside as outside_alike,
    {{ lies_outside }} = 1 and (
        alike.outside < {{ outside_charges }}
        or alike.outside <= {{ outside_share }} * alike.charges
    ) as is_outside,
    prices.is_contract as is_price_contract,
    prices.expected as price_expected,
    prices.is_fit,
    prices.is_net_fit,
    prices.is_sure,
    prices.price,
    prices.rests_on,
    prices.why_not,
    prices.terms_json
from {{ ref('charges') }} as charges
cross join reach
left join settlements on charges.charge_id = settlements.charge_id
left join {{ ref('int_charge_parties') }} as parties on charges.charge_id = parties.charge_id
left join orders on coalesce(charges.order_id, parties.order_id) = orders.order_id
left join {{ ref('int_storage_expectations') }} as expectations on charges.charge_id = expectations.charge_id
left join {{ ref('int_storage_basis_observed') }} as storage on charges.charge_id = storage.charge_id
left join {{ ref('int_invoice_periods') }} as periods on charges.payment_id = periods.payment_id
left join alike on lower(charges.charge_type) = alike.type_name and coalesce(periods.source, '') = alike.source
left join prices on charges.charge_id = prices.charge_id
left join {{ ref('int_storage_charges_allocated') }} as stored on charges.charge_id = stored.charge_id
where not charges.is_withdrawn
