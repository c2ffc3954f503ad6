{#-
    Where the raw tables are files, in the folder LOGENTIC_RAW, the engine is told of them before each build: it keeps the
    list of files that it saw first. Staging takes one of two equal rows, so a file that was written twice does no harm.
-#}
{% macro find_raw_files() %}
    {{- return(adapter.dispatch('find_raw_files')()) -}}
{% endmacro %}

{% macro default__find_raw_files() %}{% endmacro %}

{% macro spark__find_raw_files() %}
    {%- if execute and env_var('LOGENTIC_RAW', '') -%}
        {%- do run_query('create schema if not exists logentic_raw') -%}
        {%- for table in graph.sources.values() -%}
            {%- set place = env_var('LOGENTIC_RAW') ~ '/' ~ table.name -%}
            {%- do run_query('drop table if exists logentic_raw.' ~ table.name) -%}
            {%- if table.name == '_dlt_loads' -%}
                {%- do run_query('create table logentic_raw._dlt_loads using json location ' ~ text_literal(place)) -%}
            {%- else -%}
                {%- do run_query('create table logentic_raw.' ~ table.name ~ " using parquet options (mergeSchema 'true') location " ~ text_literal(place)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
