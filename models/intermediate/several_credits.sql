with

matched as (

    select * from {{ ref('whole_credits') }}

),

left_over as (

    select * from {{ ref('charge_parties') }} as charges
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

-- What a credit may be for: of its party; of any, where it names none.
charges as (

    select
        left_over.*,
        parties.party is not null as has_credit
    from left_over
    left join (select distinct party from credits) as parties on left_over.party = parties.party
    cross join (select min(party) as party from credits) as first_party
    where
        not left_over.is_credit and left_over.party <> ''
        and (parties.party is not null or first_party.party = '')

),

{{ credit_bundles('charges') }},

sums as (

    select
        step,
        party,
        bundle,
        sum(size) as size
    from bundles
    group by step, party, bundle
    having count(*) > 1

),

taken as (

    select
        credits.charge_id as credit_id,
        sums.bundle,
        row_number() over (partition by credits.charge_id order by sums.step, sums.bundle) as choice,
        row_number() over (partition by sums.bundle order by credits.charge_id) as claim
    from credits
    inner join sums on credits.party = sums.party and credits.size = sums.size

)

select * from matched
union all
select
    taken.credit_id,
    bundles.charge_id
from taken
inner join bundles on taken.bundle = bundles.bundle
where taken.choice = 1 and taken.claim = 1
