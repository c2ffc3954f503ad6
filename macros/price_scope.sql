{#- The charges that a learned price is for: its segment and its tier, in words. -#}
{% macro price_scope(segment, tier) -%}
    {{ segment }} || case when {{ segment }} <> '' and {{ tier }} <> '' then '; ' else '' end || {{ tier }}
{%- endmacro %}
