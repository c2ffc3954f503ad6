{#- PostgreSQL plans by statistics, which it gathers too late for a table that was just made. Others do it by themselves. -#}
{% macro gather_statistics(relation) %}
    {{- return(adapter.dispatch('gather_statistics')(relation)) -}}
{% endmacro %}

{% macro default__gather_statistics(relation) %}{% endmacro %}

{% macro postgres__gather_statistics(relation) %}
    {%- if model.config.materialized != 'view' -%} analyze {{ relation }} {%- endif -%}
{% endmacro %}
