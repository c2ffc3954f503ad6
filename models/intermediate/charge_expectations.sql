-- What prices say of each charge but storage: the only model between price learning and the verdicts.
with

silent as (

    select
        observed.charge_id,
        min(card.note) as note
    from {{ ref('rate_observations') }} as observed
    inner join {{ ref('rate_card') }} as card
        on observed.charge_type = card.charge_type and {{ is_priced_place('card', 'observed') }}
    where card.source = 'none'
    group by observed.charge_id

),

priced as (

    select
        *,
        count(*) over (partition by charge_type, zone, valid_from) as charges,
        sum(case when is_fit then 1 else 0 end) over (partition by charge_type, zone, valid_from) as following,
        count(*) over (partition by charge_type, zone, valid_from, is_fit, amount - expected) as off_alike
    from {{ ref('charge_rate_verdicts') }}

)

select
    coalesce(priced.charge_id, silent.charge_id) as charge_id,
    cast(priced.expected as {{ money_type() }}) as expected,
    priced.source = 'configured' as is_contract,
    coalesce(priced.is_fit, false) as is_fit,
    coalesce(priced.is_net_fit, false) as is_net_fit,
    priced.charges_at_new_price is null as is_sure,
    case
        when priced.driver = 'none' then 'costs ' || {{ money('priced.expected') }}
        else
            {{ quantity_words('priced.driver', 'priced.quantity') }} || ' costs ' || {{ money('priced.expected') }}
            || ' (' || {{ money('priced.fixed') }} || ' and ' || {{ price_text('priced.per_unit') }} || ' each)'
    end as price,
    priced.following || ' of ' || priced.charges || ' charges follow it'
    || case when priced.zone <> '' then ' (' || priced.zone || ')' else '' end
    || case when priced.valid_from > date '1970-01-01' then ' since ' || priced.valid_from else '' end
    || case
        when priced.is_fit then ''
        else
            ', ' || (priced.off_alike - 1) || case when priced.off_alike = 2 then ' other is' else ' others are' end
            || ' off by as much'
    end as rests_on,
    case
        when priced.charges_at_new_price is not null
            then
                case
                    when priced.old_price_until is not null
                        then 'It may be an older price, until ' || priced.old_price_until
                    else 'It may be a new price since ' || priced.new_price_since
                end
                || ': ' || priced.charges_at_new_price
                || case when priced.charges_at_new_price = 1 then ' charge is' else ' charges are' end
                || ' too few to say.'
        when priced.charge_id is null then silent.note
    end as why_not,
    case when priced.charge_id is not null then {{ json_text({
        'source': 'priced.source', 'per': 'priced.driver', 'quantity': ['priced.quantity'],
        'fixed': ['priced.fixed'], 'per_unit': ['priced.per_unit'],
    }) }} end as terms_json
from priced
full outer join silent on priced.charge_id = silent.charge_id
