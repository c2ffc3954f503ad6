with

priced as (

    select
        observed.charge_id,
        observed.charge_type,
        card.zone,
        observed.date,
        observed.amount,
        observed.net_amount,
        {{ rate_quantity('card.driver', 'observed') }} as quantity,
        card.driver,
        card.source,
        card.fixed,
        card.per_unit,
        card.minimum,
        card.kind,
        card.from_quantity,
        card.to_quantity,
        card.above_quantity,
        card.below_quantity,
        card.valid_from,
        observed.date between card.valid_from and card.valid_to as is_in_force
    from {{ ref('rate_observations') }} as observed
    -- A price in force when the order came, or two weeks before, is a right one as well: paperwork comes late.
    inner join {{ ref('rate_card') }} as card
        on
            observed.charge_type = card.charge_type
            and observed.ordered_date <= case
                when card.valid_to < date '9999-12-31' then {{ dbt.dateadd('day', 14, 'card.valid_to') }}
                else card.valid_to
            end
            -- An inferred one that begins with the orders of a day comes among older ones before most follow it.
            -- What a credit left at a price was meant to cost it, also where the first charges at that price are off.
            and (
                observed.date >= card.valid_from or observed.net_amount < observed.amount
                or (card.source = 'inferred' and observed.date >= {{ dbt.dateadd('day', -7, 'card.valid_from') }})
            )
            and {{ is_priced_place('card', 'observed') }}
    where card.source in ('configured', 'inferred')

),

expected as (

    select
        *,
        {{ rounded_money('greatest(fixed + per_unit * quantity, coalesce(minimum, 0))') }} as expected,
        case
            when kind = 'base' then 1
            when quantity between coalesce(from_quantity, quantity) and coalesce(to_quantity, quantity) then 2
            -- Beyond the last price that the data show, a tier goes on; between two of them, either may hold.
            when
                source = 'inferred' and from_quantity < to_quantity and (
                    (above_quantity is null and quantity < from_quantity)
                    or (below_quantity is null and quantity > to_quantity)
                ) then 2
            when
                source = 'inferred' and quantity > coalesce(above_quantity, -1)
                and quantity < coalesce(below_quantity, quantity + 1) then 0
        end as precedence
    from priced
    where quantity is not null

)

select * from expected
where precedence is not null
