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
        -- More is no bill; its parts would have too many digits. It is shown as not allocated.
        and abs(amount) < {{ '<<most_allocated>>' if is_plan() else 10 ** ([11 - minor_digits(), 9] | min) }}

),

-- Of a charge that reaches into the rebuilt days, all days: they share its cents.
item_days as (

    select
        item_id,
        date,
        price,
        volume_cuft
    from {{ ref('int_inventory_daily') }}
    where date >= {{ rebuilt_from('charges_from') }}

),

-- A charge of all items, day by day, so that an engine can hash its join as well.
whole_days as (

    select
        charges.charge_id,
        charges.is_billed,
        charges.sign,
        charges.cents,
        charges.end_date,
        -- No further than there can be stock: a charge may be dated absurdly.
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

-- Two joins instead of one with `or`, which no engine can hash.
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
