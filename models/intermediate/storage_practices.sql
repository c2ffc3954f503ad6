with

tellings as (

    -- What is not billed yet may accrue by another basis than bills do: it is one invoice to come.
    select
        *,
        case when is_billed then payment_id end as invoice_id
    from {{ ref('storage_tellings') }}

),

-- An invoice speaks for itself with 8 such charges or more; else the account does, with 3. All bases are asked of the
-- same charges, so that the one that explains more of them is believed.
counted as (

    select
        1 as is_invoice,
        is_billed,
        invoice_id,
        basis,
        place,
        sum(is_own) as charges,
        sum(is_own * is_fit) as fitting,
        sum(is_fit) as explained
    from tellings
    group by is_billed, invoice_id, basis, place
    having count(*) >= 8 and sum(is_own) >= 3
    union all
    select
        0 as is_invoice,
        true as is_billed,
        cast(null as bigint) as invoice_id,
        basis,
        place,
        sum(is_own) as charges,
        sum(is_own * is_fit) as fitting,
        sum(is_fit) as explained
    from tellings
    where is_billed
    group by basis, place
    having sum(is_own) >= 3

),

practices as (

    select *
    from (
        select
            *,
            row_number() over (
                partition by is_invoice, is_billed, invoice_id order by explained desc, place
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
left join practices as own
    on
        own.is_invoice = 1 and tellings.is_billed = own.is_billed
        and tellings.invoice_id is not distinct from own.invoice_id
left join practices as account on account.is_invoice = 0
left join counted as denied
    on
        denied.is_invoice = 1 and denied.charges >= 8
        and tellings.is_billed = denied.is_billed and tellings.invoice_id is not distinct from denied.invoice_id
        and account.basis = denied.basis
-- An invoice that could follow the account's basis and does not follows none.
where tellings.basis = coalesce(own.basis, case when denied.basis is null then account.basis end)
