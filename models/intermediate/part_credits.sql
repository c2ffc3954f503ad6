with

left_over as (

    select parties.*
    from {{ ref('charge_parties') }} as parties
    left join (
        select credit_id as charge_id from {{ ref('whole_credits') }}
        union distinct
        select charge_id from {{ ref('whole_credits') }}
        union distinct
        select credit_id as charge_id from {{ ref('several_credits') }}
        union distinct
        select charge_id from {{ ref('several_credits') }}
    ) as matched on parties.charge_id = matched.charge_id
    where matched.charge_id is null

),

choices as (

    select
        credit.charge_id as credit_id,
        credit.size as credited,
        charge.charge_id,
        row_number() over (
            partition by credit.charge_id
            order by
                case when charge.charge_type = credit.charge_type then 0 else 1 end,
                case when charge.start_date = credit.start_date and charge.end_date = credit.end_date then 0 else 1 end,
                charge.charge_id
        ) as choice
    from left_over as credit
    inner join left_over as charge
        on
            credit.party = charge.party
            and credit.size < charge.size
            -- What is for the account as a whole is credited by its days.
            and (
                credit.party <> '' or (
                    credit.charge_type = charge.charge_type
                    and credit.start_date = charge.start_date and credit.end_date = charge.end_date
                )
            )
    where credit.is_credit and not charge.is_credit

)

select
    credit_id,
    charge_id,
    credited
from choices
where choice = 1
