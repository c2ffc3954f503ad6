{#- What a charge may grow with, simplest first: where two explain it equally well, the first is taken. -#}
{% macro rate_drivers() %}
    {{- return(['none', 'units', 'lines', 'started_weight', 'started_volume', 'weight', 'volume', 'quantity']) -}}
{% endmacro %}

{% macro rate_quantity(driver, alias) -%}
    case {{ driver }}
        {%- for name in rate_drivers() %}
        when '{{ name }}' then cast({{ '0' if name == 'none' else alias ~ '.' ~ name }} as decimal(18, 4))
        {%- endfor %}
    end
{%- endmacro %}

{% macro rate_driver_rank(driver) -%}
    case {{ driver }}
        {%- for name in rate_drivers() %} when '{{ name }}' then {{ loop.index0 }}{% endfor %} end
{%- endmacro %}

{#- A quantity and what it counts, in a sentence: with 3 units, at weight 2.5. -#}
{% macro quantity_words(driver, quantity) -%}
    case when {{ driver }} in ('units', 'lines')
        then 'with ' || {{ number_text(quantity) }} || ' '
        || case when {{ quantity }} = 1 then replace({{ driver }}, 's', '') else {{ driver }} end
        else 'at ' || replace({{ driver }}, '_', ' ') || ' ' || {{ number_text(quantity) }} end
{%- endmacro %}

{#- What a price is per. -#}
{% macro per_words(driver) -%}
    case when {{ driver }} in ('units', 'lines') then replace({{ driver }}, 's', '')
        else replace({{ driver }}, 'started_', 'started unit of ') end
{%- endmacro %}

{#-
    The line amount = fixed + per_unit × quantity that explains most charges of each block, from CTE `observations`
    (charge_type, driver, zone, block, charge_id, quantity, amount) to CTE `lines`. A robust fit: rates are the commonest
    slopes between charges half or a quarter of a block apart by quantity, the fixed part is the commonest remainder. Where a line would
    cost less than the lowest amount that stands in the block again and again, that amount may be a minimum charge.
-#}
{% macro fit_lines(observations) -%}
{%- set keys = 'charge_type, driver, zone, block' -%}
ranked as (

    select
        *,
        row_number() over (partition by {{ keys }} order by quantity, charge_id) as place,
        count(*) over (partition by {{ keys }}) as size
    from {{ observations }}

),

floors as (

    select {{ keys }}, min(amount) as amount
    from (
        select {{ keys }}, amount
        from ranked
        group by {{ keys }}, amount
        having count(*) >= 3
    ) as recurring
    group by {{ keys }}

),

slopes as (

    select
        low.charge_type,
        low.driver,
        low.zone,
        low.block,
        high.amount - low.amount as rise,
        high.quantity - low.quantity as run
    from ranked as low
    inner join ranked as high
        on
            low.charge_type = high.charge_type and low.driver = high.driver
            and low.zone = high.zone and low.block = high.block
            and high.place in (
                low.place + cast(floor(low.size / 2.0) as bigint), low.place + cast(ceiling(low.size / 4.0) as bigint)
            )
    where high.quantity > low.quantity and high.amount between low.amount and low.amount + 1000000

),

votes as (

    select
        {{ keys }},
        digits,
        per_unit,
        count(*) as votes
    from (
        {%- for digits in (2, 3, 4) %}
        select
            {{ keys }},
            {{ digits }} as digits,
            cast({{ rounded_quotient('rise', 'run', digits) }} as decimal(18, 4)) as per_unit
        from slopes
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as rounded
    group by {{ keys }}, digits, per_unit

),

rates as (

    select {{ keys }}, per_unit
    from (
        select *, row_number() over (partition by {{ keys }}, digits order by votes desc, per_unit) as choice from votes
    ) as chosen
    -- No unit costs so much: one of the two charges is wrong, and the products below would have too many digits.
    where choice <= 3 and driver <> 'none' and per_unit < 10000
    union distinct
    select {{ keys }}, cast(0 as decimal(18, 4)) as per_unit from ranked

),

remainders as (

    select
        {{ keys }},
        rates.per_unit,
        {{ rounded_money('ranked.amount - rates.per_unit * ranked.quantity') }} as fixed,
        count(*) as votes
    from rates
    inner join ranked using ({{ keys }})
    group by {{ keys }}, rates.per_unit, {{ rounded_money('ranked.amount - rates.per_unit * ranked.quantity') }}

),

candidates as (

    select {{ keys }}, per_unit, fixed
    from (
        select *, row_number() over (partition by {{ keys }}, per_unit order by votes desc, fixed) as choice
        from remainders
    ) as chosen
    where choice = 1

),

explained as (

    select
        *,
        on_line + at_minimum as explained,
        case when at_minimum > 0 then floor_amount end as minimum
    from (
        select
            {{ keys }},
            per_unit,
            fixed,
            charges,
            on_line,
            floor_amount,
            -- A minimum is believed only beside a line that explains a third of the charges itself.
            case when 3 * on_line >= charges then at_minimum else 0 end as at_minimum
        from (
            select
                {{ keys }},
                candidates.per_unit,
                candidates.fixed,
                min(floors.amount) as floor_amount,
                count(*) as charges,
                {{ count_explained('ranked', 'candidates', 'floors.amount') }}
            from candidates
            inner join ranked using ({{ keys }})
            left join floors using ({{ keys }})
            group by {{ keys }}, candidates.per_unit, candidates.fixed
        ) as counted
    ) as believed

),

lines as (

    select *
    from (
        select
            *,
            -- Of two that explain as much, the one with the fewer exceptions, then the one with the rounder rate.
            row_number() over (
                partition by {{ keys }}
                order by
                    explained desc, on_line desc, abs(per_unit - round(per_unit, 2)), abs(per_unit - round(per_unit, 3)), per_unit
            ) as choice
        from explained
    ) as chosen
    where choice = 1

)
{%- endmacro %}

{% macro is_explained(amount, fixed, per_unit, quantity) -%}
    abs({{ amount }} - {{ fixed }} - {{ per_unit }} * {{ quantity }}) <= {{ minor_unit(0.51) }}
{%- endmacro %}

{#- How many charges a line explains, and how many more a minimum charge does where the line would cost less. -#}
{% macro count_explained(charges, lines, minimum) -%}
    {%- set line = lines ~ '.fixed + ' ~ lines ~ '.per_unit * ' ~ charges ~ '.quantity' -%}
    sum(case when abs({{ charges }}.amount - ({{ line }})) <= {{ minor_unit(0.51) }} then 1 else 0 end) as on_line,
    sum(case when {{ charges }}.amount = {{ minimum }} and {{ line }} < {{ minimum }} - {{ minor_unit(0.51) }} then 1 else 0 end)
        as at_minimum
{%- endmacro %}
