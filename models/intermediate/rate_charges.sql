-- Every charge that a card can be learned from, with the quantity that its type goes by.
select
    observed.charge_id,
    observed.charge_type,
    choices.driver,
    {{ rate_place('choices.by_zone', 'observed') }} as zone,
    observed.date,
    observed.ordered_date,
    observed.amount,
    {{ rate_quantity('choices.driver', 'observed') }} as quantity
from {{ ref('rate_observations') }} as observed
inner join {{ ref('rate_choices') }} as choices on observed.charge_type = choices.charge_type
where {{ rate_quantity('choices.driver', 'observed') }} is not null
