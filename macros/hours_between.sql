{#- Hours from one time to a later one, to the thousandth; null where one is missing. -#}
{% macro hours_between(early, late) -%}
    {%- set seconds = 'cast(' ~ dbt.datediff(early, late, 'second') ~ ' as bigint)' -%}
    cast(
        case when {{ late }} < {{ early }} then -1 else 1 end
        * {{ rounded_quotient('abs(' ~ seconds ~ ')', '3600', 3) }} as decimal(18, 3)
    )
{%- endmacro %}

{#-
    The value that so many tenths of all lie below, between two of them in proportion, to the thousandth. All engines
    interpolate floating; of thousandths, tenths of the way have four digits, so the nearest of these is the exact one.
-#}
{% macro percentile(tenths, hours) -%}
    cast(cast(
        percentile_cont(0.{{ tenths }}) within group (order by {{ floating(hours) }}) as decimal(18, 4)
    ) as decimal(18, 3))
{%- endmacro %}
