{#- Write relations without their database, which DuckDB names after the file, so that views survive renaming or attaching the file. -#}

{% macro ref() %}
    {{- return(builtins.ref(*varargs, **kwargs).include(database=false)) -}}
{% endmacro %}

{% macro source() %}
    {{- return(builtins.source(*varargs, **kwargs).include(database=false)) -}}
{% endmacro %}

{#-
    Makes `select * from orders` work in the published file. In a package of another project, which may have tables of
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
