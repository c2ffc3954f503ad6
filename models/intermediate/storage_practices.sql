with

tellings as (

    select * from {{ ref('storage_tellings') }}

),

-- An invoice speaks for itself with 8 such charges or more; else the account does, with 3.
counted as (

    select
        1 as is_invoice,
        payment_id,
        basis,
        place,
        count(*) as charges,
        sum(is_fit) as fitting
    from tellings
    where is_billed
    group by payment_id, basis, place
    having count(*) >= 8
    union all
    select
        0 as is_invoice,
        cast(null as bigint) as payment_id,
        basis,
        place,
        count(*) as charges,
        sum(is_fit) as fitting
    from tellings
    where is_billed
    group by basis, place
    having count(*) >= 3

),

practices as (

    select *
    from (
        select
            *,
            row_number() over (
                partition by is_invoice, payment_id order by {{ floating('fitting') }} / charges desc, place
            ) as choice
        from counted
        where fitting >= 0.6 * charges
    ) as ranked
    where choice = 1

)

select
    tellings.charge_id,
    tellings.basis,
    tellings.expected
from tellings
left join practices as own on own.is_invoice = 1 and tellings.payment_id = own.payment_id
left join practices as account on account.is_invoice = 0
left join counted as denied
    on denied.is_invoice = 1 and tellings.payment_id = denied.payment_id and account.basis = denied.basis
-- An invoice that could follow the account's basis and does not follows none.
where tellings.basis = coalesce(own.basis, case when denied.basis is null then account.basis end)
