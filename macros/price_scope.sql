{#- The charges that a learned price applies to: its segment and its tier, in words. -#}
{% macro price_scope(segment, tier) -%}
    {{ segment }} || case when {{ segment }} <> '' and {{ tier }} <> '' then '; ' else '' end || {{ tier }}
{%- endmacro %}
