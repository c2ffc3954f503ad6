{#- Hours from one time to a later one, to the thousandth; null where one is missing. -#}
{% macro hours_between(early, late) -%}
    cast(round({{ dbt.datediff(early, late, 'second') }} / 3600.0, 3) as decimal(18, 3))
{%- endmacro %}
