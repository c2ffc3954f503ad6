-- How far the billed storage of closed months is from each basis; the nearest explains the bills best.
with

errors as (

    {%- for basis in ('daily', 'month_end', 'peak') %}
    select
        '{{ basis }}' as basis,
        {{ loop.index }} as place,
        count(*) as charges,
        sum(abs(charges.amount - expectations.{{ basis }})) as error_amount,
        sum(case when {{ is_misbilled('charges.amount', 'expectations.' ~ basis) }} then 0 else 1 end) as fitting
    from {{ ref('charges') }} as charges
    inner join {{ ref('storage_expectations') }} as expectations on charges.charge_id = expectations.charge_id
    left join {{ ref('charge_settlements') }} as settlements on charges.charge_id = settlements.charge_id
    where
        charges.is_billed and expectations.{{ basis }} is not null
        and settlements.settled_by is null and settlements.duplicate_of is null
    having count(*) > 0
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select
    basis,
    charges,
    error_amount,
    cast({{ rounded_quotient('fitting', 'charges', 4) }} as decimal(9, 4)) as explained_share,
    row_number() over (order by error_amount, place) = 1 as is_best
from errors
