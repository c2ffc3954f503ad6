{#- Hours from one time to a later one, to the thousandth; null where one is missing. -#}
{% macro hours_between(early, late) -%}
    {%- set seconds = 'cast(' ~ dbt.datediff(early, late, 'second') ~ ' as bigint)' -%}
    cast(
        case when {{ late }} < {{ early }} then -1 else 1 end
        * {{ rounded_quotient('abs(' ~ seconds ~ ')', '3600', 3) }} as decimal(18, 3)
    )
{%- endmacro %}

{#-
    A percentile in tenths, interpolated and rounded to the thousandth: of a column with its rank in `_place` and the
    number of values in `_known`. The engines' own percentiles interpolate in floating point, and differ.
-#}
{% macro percentile(tenths, column) -%}
    {%- set reach = '((' ~ column ~ '_known - 1) * ' ~ tenths ~ ')' -%}
    {%- set below = '(cast(floor(' ~ reach ~ ' / 10.0) as bigint) + 1)' -%}
    cast(round((
        max(case when {{ column }}_place = {{ below }} then (10 - {{ reach }} % 10) * {{ column }} end)
        + coalesce(max(case when {{ column }}_place = {{ below }} + 1 then {{ reach }} % 10 * {{ column }} end), 0)
    ) * 0.1, 3) as decimal(18, 3))
{%- endmacro %}
