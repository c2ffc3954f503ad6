{#- PostgreSQL's planner needs statistics, which it gathers too late for a new table. Other engines gather them in time. -#}
{% macro gather_statistics(relation) %}
    {{- return(adapter.dispatch('gather_statistics')(relation)) -}}
{% endmacro %}

{% macro default__gather_statistics(relation) %}{% endmacro %}

{% macro postgres__gather_statistics(relation) %}
    {%- if model.config.materialized != 'view' -%} analyze {{ relation }} {%- endif -%}
{% endmacro %}
