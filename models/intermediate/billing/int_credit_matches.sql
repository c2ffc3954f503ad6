with

matched as (

    select * from {{ ref('int_whole_credits') }}

),

left_over as (

    select * from {{ ref('int_charge_parties') }} as charges
    where
        {{ is_left_over('charges', 'matched') }}

),

credits as (

    select
        charge_id,
        party,
        size
    from left_over
    where is_credit

),

-- The orders named in the text of credits that have no order of their own.
named as (

    select
        credits.charge_id as credit_id,
        'order ' || names.order_id as party
    from credits
    inner join {{ ref('int_charge_order_mentions') }} as names on credits.charge_id = names.charge_id
    where credits.party = ''

),

-- The charges that a credit may refer to: those of its own party, or of a party that its text names.
charges as (

    select
        left_over.*,
        parties.party is not null as has_credit
    from left_over
    left join (select distinct party from credits) as parties on left_over.party = parties.party
    where
        not left_over.is_credit and left_over.party <> ''
        and (parties.party is not null or left_over.party in (select named.party from named))

),

{{ credit_bundles('charges') }},

sums as (

    select
        step,
        party,
        credit_id,
        bundle,
        sum(size) as size
    from bundles
    group by step, party, credit_id, bundle
    having count(*) > 1

),

taken as (

    select
        credits.charge_id as credit_id,
        sums.bundle,
        row_number() over (partition by credits.charge_id order by sums.step, sums.bundle) as choice,
        row_number() over (partition by sums.bundle order by credits.charge_id) as claim
    from credits
    inner join sums
        on
            credits.party = sums.party and credits.size = sums.size
            and credits.charge_id = coalesce(sums.credit_id, credits.charge_id)

)

select * from matched
union all
select
    taken.credit_id,
    bundles.charge_id
from taken
inner join bundles on taken.bundle = bundles.bundle
where taken.choice = 1 and taken.claim = 1
