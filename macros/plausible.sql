{#- Treat implausible sizes as null, so that one bad item cannot fail the build. -#}
{% macro plausible(measure, below) -%}
    case when abs({{ measure }}) < {{ below }} then {{ measure }} end
{%- endmacro %}
