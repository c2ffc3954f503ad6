with

left_over as (

    select parties.*
    from {{ ref('charge_parties') }} as parties
    left join (
        select credit_id as charge_id from {{ ref('whole_credits') }}
        union distinct
        select charge_id from {{ ref('whole_credits') }}
    ) as matched on parties.charge_id = matched.charge_id
    where matched.charge_id is null

),

credits as (

    select * from left_over
    where is_credit

),

charges as (

    select left_over.*
    from left_over
    inner join (
        select distinct party from credits
        where party <> ''
    ) as parties
        on left_over.party = parties.party
    where not left_over.is_credit

),

-- What stands twice wherever it is for: billed again in place of the first, if one credit takes back all the firsts.
firsts as (

    select
        charge_type,
        size,
        min(payment_id) as payment_id,
        min(charge_id) as charge_id
    from left_over
    where
        not is_credit and party <> '' and exists (
            select 1 from credits
            where party = ''
        )
    group by charge_type, party, item_id, start_date, end_date, size
    having count(*) > 1

),

bundles as (

    select
        1 as step,
        party,
        'type ' || charge_type || ' ' || party as bundle,
        charge_id,
        size
    from charges
    union all
    select
        2 as step,
        party,
        'all ' || party as bundle,
        charge_id,
        size
    from charges
    union all
    -- Of what was billed again already, the first of each.
    select
        2 as step,
        party,
        'firsts of ' || party as bundle,
        min(charge_id) as charge_id,
        size
    from charges
    group by party, charge_type, item_id, start_date, end_date, size
    union all
    select
        3 as step,
        one.party,
        'two ' || one.charge_id || ' ' || other.charge_id as bundle,
        case when sides.side = 1 then one.charge_id else other.charge_id end as charge_id,
        case when sides.side = 1 then one.size else other.size end as size
    from charges as one
    inner join charges as other on one.party = other.party and one.charge_id < other.charge_id
    cross join (values (1), (2)) as sides (side)
    union all
    select
        4 as step,
        '' as party,
        'twice ' || charge_type as bundle,
        charge_id,
        size
    from firsts
    union all
    select
        5 as step,
        '' as party,
        'twice on ' || payment_id || ' ' || charge_type as bundle,
        charge_id,
        size
    from firsts
    union all
    select
        6 as step,
        '' as party,
        'twice on ' || payment_id as bundle,
        charge_id,
        size
    from firsts

),

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

select
    taken.credit_id,
    bundles.charge_id
from taken
inner join bundles on taken.bundle = bundles.bundle
where taken.choice = 1 and taken.claim = 1
