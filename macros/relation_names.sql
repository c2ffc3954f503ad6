{#- Relations are written without their database, which DuckDB names after the file: views survive a renamed or attached file. -#}

{% macro ref() %}
    {{- return(builtins.ref(*varargs, **kwargs).include(database=false)) -}}
{% endmacro %}

{% macro source() %}
    {{- return(builtins.source(*varargs, **kwargs).include(database=false)) -}}
{% endmacro %}

{#-
    `select * from orders` works in the file that analysts open. As a package of another project, which may have tables of
    these names in main, only where the variable main_views asks for it.
-#}
{% macro show_in_main(relation) %}
    {%- if var('main_views', project_name == 'logentic') -%}
        {{- return(adapter.dispatch('show_in_main', 'logentic')(relation)) -}}
    {%- endif -%}
{% endmacro %}

{% macro default__show_in_main(relation) %}{% endmacro %}

{% macro duckdb__show_in_main(relation) %}
    create or replace view main.{{ relation.identifier }} as select * from {{ relation.include(database=false) }}
{% endmacro %}
