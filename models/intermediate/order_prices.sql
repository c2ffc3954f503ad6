-- What a shipped order's charge of each type should be by the rate card in force that day.
select
    order_id,
    charge_type,
    expected
from (
    select
        orders.order_id,
        card.charge_type,
        {{ rounded_money(
            'greatest(card.fixed + card.per_unit * ' ~ rate_quantity('card.driver', 'orders')
            ~ ', coalesce(card.minimum, 0))'
        ) }} as expected,
        row_number() over (
            partition by orders.order_id, card.charge_type order by case when card.kind = 'base' then 1 else 0 end
        ) as choice
    from (
        select
            facts.order_id,
            facts.shipped_date,
            facts.lines,
            facts.units,
            facts.weight,
            {{ rate_place_columns('facts') }},
            cast(ceiling(facts.weight) as decimal(18, 4)) as started_weight,
            cast(ceiling(facts.volume_cuft) as decimal(18, 4)) as started_volume,
            facts.volume_cuft as volume,
            cast(null as decimal(18, 4)) as quantity
        from {{ ref('order_facts') }} as facts
        where facts.shipped_date is not null
    ) as orders
    inner join {{ ref('rate_card') }} as card
        on orders.shipped_date between card.valid_from and card.valid_to and {{ is_priced_place('card', 'orders') }}
    where
        card.source in ('configured', 'inferred') and {{ rate_quantity('card.driver', 'orders') }} is not null
        and {{ rate_quantity('card.driver', 'orders') }} >= coalesce(card.from_quantity, 0)
        and (card.to_quantity is null or {{ rate_quantity('card.driver', 'orders') }} <= card.to_quantity)
) as priced
where choice = 1
