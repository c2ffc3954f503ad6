with

charges as (

    select * from {{ ref('charge_parties') }}

),

-- In whole: charge by charge, or several at once; in part until nothing is left of the charge.
settled as (

    select
        credit_id,
        charge_id
    from {{ ref('whole_credits') }}
    union all
    select
        credit_id,
        charge_id
    from {{ ref('several_credits') }}

),

partly as (

    select
        charge_id,
        min(credit_id) as credit_id,
        sum(credited) as credited
    from {{ ref('part_credits') }}
    group by charge_id

),

credited as (

    select
        charge_id,
        min(counterpart_id) as settled_by,
        max(part_of) as part_of
    from (
        select
            charge_id,
            credit_id as counterpart_id,
            cast(null as bigint) as part_of
        from settled
        union all
        select
            credit_id as charge_id,
            charge_id as counterpart_id,
            cast(null as bigint) as part_of
        from settled
        union all
        select
            credit_id as charge_id,
            cast(null as bigint) as counterpart_id,
            charge_id as part_of
        from {{ ref('part_credits') }}
    ) as entries
    group by charge_id

),

standing as (

    select
        charges.*,
        credited.settled_by,
        credited.part_of,
        partly.credited,
        partly.credit_id as credited_by,
        case when credited.settled_by is null and not charges.is_credit then 1 else 0 end as is_standing
    from charges
    left join credited on charges.charge_id = credited.charge_id
    left join partly on charges.charge_id = partly.charge_id

),

placed as (

    select
        *,
        min(case when is_standing = 1 then charge_id end) over (
            partition by charge_type, party, item_id, start_date, end_date, size
        ) as original_id,
        max(case when is_standing = 0 and not is_credit then charge_id end) over (
            partition by charge_type, party, case when charge_type = 'storage' then start_date end
        ) as replaced_id,
        row_number() over (
            partition by charge_type, party, case when charge_type = 'storage' then start_date end, is_standing
            order by charge_id
        ) as place
    from standing

)

select
    charge_id,
    settled_by,
    part_of,
    credited,
    credited_by,
    -- Billed again in place of a charge that was taken back: the first that stands for the same.
    case when is_standing = 1 and place = 1 and (party <> '' or charge_type = 'storage') then replaced_id end
        as replaces,
    case
        when is_standing = 0 or charge_id = original_id then null
        -- Two charges that name neither an order nor an item may be two of a kind; storage of a period is one.
        when party = '' and charge_type <> 'storage' then null
        else original_id
    end as duplicate_of
from placed
