{#- Relations are written without their database, which DuckDB names after the file: views survive a renamed or attached file. -#}

{% macro ref() %}
    {{- return(builtins.ref(*varargs, **kwargs).include(database=false)) -}}
{% endmacro %}

{% macro source() %}
    {{- return(builtins.source(*varargs, **kwargs).include(database=false)) -}}
{% endmacro %}

{#- `select * from orders` works in the file that analysts open. -#}
{% macro show_in_main(relation) %}
    {{- return(adapter.dispatch('show_in_main')(relation)) -}}
{% endmacro %}

{% macro default__show_in_main(relation) %}{% endmacro %}

{% macro duckdb__show_in_main(relation) %}
    create or replace view main.{{ relation.identifier }} as select * from {{ relation.include(database=false) }}
{% endmacro %}
