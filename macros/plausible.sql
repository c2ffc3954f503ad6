{#- What no item can be is not known: one absurd size must not end the build of all others. -#}
{% macro plausible(measure, below) -%}
    case when abs({{ measure }}) < {{ below }} then {{ measure }} end
{%- endmacro %}
