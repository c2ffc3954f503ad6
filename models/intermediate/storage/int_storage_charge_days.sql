with

charges as (

    select
        charge_id,
        item_id,
        is_billed,
        start_date,
        end_date,
        case when amount < 0 then -1 when amount > 0 then 1 else 0 end as sign,
        cast(abs({{ rounded_money('amount') }}) * {{ minor_units() }} as decimal(11, 0)) as cents
    from {{ ref('charges') }}
    where
        lower(charge_type) = 'storage' and not is_withdrawn and end_date >= {{ rebuilt_from('cost_from') }}
        -- Larger amounts are not plausible, and their shares would exceed the decimal type. They are reported as not
        -- allocated.
        and abs(amount) < {{ '<<most_allocated>>' if is_plan() else 10 ** ([11 - minor_digits(), 9] | min) }}

),

-- If a charge covers any rebuilt day, read all of its days, because they share its cents.
item_days as (

    select
        item_id,
        date,
        price,
        volume_cuft
    from {{ ref('int_inventory_daily') }}
    where date >= {{ rebuilt_from('charges_from') }}

),

-- Charges for all items, one row per day, so that this join can be hashed as well.
whole_days as (

    select
        charges.charge_id,
        charges.is_billed,
        charges.sign,
        charges.cents,
        charges.end_date,
        -- Limit the days to those with stock, because a charge may have absurd dates.
        {{ days_of_row(
            'greatest(charges.start_date, item_span.first_date)', 'least(charges.end_date, item_span.last_date)'
        ) }} as date
    from charges
    cross join (
        select
            min(date) as first_date,
            max(date) as last_date
        from item_days
    ) as item_span
    where charges.item_id is null

)

-- Two joins instead of one with `or`, which engines cannot hash.
select
    charges.charge_id,
    charges.is_billed,
    charges.sign,
    charges.cents,
    charges.end_date,
    item_days.*
from charges
inner join item_days
    on charges.item_id = item_days.item_id and item_days.date between charges.start_date and charges.end_date
union all
select
    whole_days.charge_id,
    whole_days.is_billed,
    whole_days.sign,
    whole_days.cents,
    whole_days.end_date,
    item_days.*
from whole_days
inner join item_days on whole_days.date = item_days.date
