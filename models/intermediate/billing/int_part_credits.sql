with

matched as (

    select * from {{ ref('int_credit_matches') }}

),

left_over as (

    select * from {{ ref('int_charge_parties') }} as charges
    where
        {{ is_left_over('charges', 'matched') }}

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
