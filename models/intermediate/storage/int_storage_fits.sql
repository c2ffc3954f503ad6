-- How far the billed storage is from each basis; the nearest explains the bills best.
with

errors as (

    select
        basis,
        place,
        count(*) as charges,
        sum(abs(amount - expected)) as error_amount,
        sum(is_fit) as fitting
    from {{ ref('int_storage_bases_compared') }}
    where is_judged and pool <> 'not billed'
    group by basis, place

)

select
    basis,
    charges,
    error_amount,
    cast({{ rounded_quotient('fitting', 'charges', 4) }} as decimal(9, 4)) as explained_share,
    fitting >= 0.6 * charges and row_number() over (order by fitting desc, place) = 1 as is_best
from errors
where basis not like 'api%'
