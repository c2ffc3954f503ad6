{#- Hours from one time to a later one, to the thousandth; null where one is missing. -#}
{% macro hours_between(early, late) -%}
    {%- set seconds = 'cast(' ~ dbt.datediff(early, late, 'second') ~ ' as bigint)' -%}
    cast(
        case when {{ late }} < {{ early }} then -1 else 1 end
        * {{ rounded_quotient('abs(' ~ seconds ~ ')', '3600', 3) }} as decimal(18, 3)
    )
{%- endmacro %}

{#-
    The value that so many tenths of all lie below, between two of them in proportion, to the thousandth: of a column with
    its `_place` in order and how many are `_known`. Engines' own percentiles interpolate floating, each in its way.
-#}
{% macro percentile(tenths, column) -%}
    {%- set reach = '((' ~ column ~ '_known - 1) * ' ~ tenths ~ ')' -%}
    {%- set below = '(cast(floor(' ~ reach ~ ' / 10.0) as bigint) + 1)' -%}
    cast(round((
        max(case when {{ column }}_place = {{ below }} then (10 - {{ reach }} % 10) * {{ column }} end)
        + coalesce(max(case when {{ column }}_place = {{ below }} + 1 then {{ reach }} % 10 * {{ column }} end), 0)
    ) * 0.1, 3) as decimal(18, 3))
{%- endmacro %}
