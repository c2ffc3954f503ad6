with

-- Use one kind of weight for the whole charge: one that all rows have and whose sum is not zero.
totals as (

    select
        charge_id,
        count(*) as item_days,
        case when count(price) = count(*) and min(price) >= 0 then nullif(sum(price), 0) end as price,
        case when count(volume_cuft) = count(*) and min(volume_cuft) >= 0 then nullif(sum(volume_cuft), 0) end
            as volume_cuft
    from {{ ref('int_storage_charge_days') }}
    group by charge_id

),

wholes as (

    select
        *,
        cast(coalesce(price, volume_cuft, item_days) as decimal(38, 24)) as whole,
        {{ floating('coalesce(price, volume_cuft, item_days)') }} as whole_as_double
    from totals

),

portions as (

    select
        covered.charge_id,
        covered.is_billed,
        covered.sign,
        covered.cents,
        covered.item_id,
        covered.date,
        covered.cents * case
            when wholes.price is not null then covered.price
            when wholes.volume_cuft is not null then covered.volume_cuft
            else cast(1 as decimal(38, 24))
        end as portion,
        wholes.whole,
        wholes.whole_as_double
    from {{ ref('int_storage_charge_days') }} as covered
    inner join wholes on covered.charge_id = wholes.charge_id

),

shares as (

    select
        *,
        {{ whole_quotient('portion', 'whole', 'whole_as_double') }} as share_cents,
        row_number() over (partition by charge_id order by portion % whole desc, date, item_id asc) as place
    from portions

),

left_over as (

    select
        charge_id,
        max(cents) - sum(share_cents) as cents
    from shares
    group by charge_id

)

select
    shares.charge_id,
    shares.is_billed,
    shares.item_id,
    shares.date,
    cast(
        shares.sign * (shares.share_cents + case when shares.place <= left_over.cents then 1 else 0 end)
        * {{ minor_unit() }}
        as {{ money_type() }}
    ) as allocated
from shares
inner join left_over on shares.charge_id = left_over.charge_id
