{#-
    If the raw tables are files, in the folder LOGENTIC_RAW, register them again before each build, because the engine
    caches their list. Staging keeps one of two equal rows, so a file that was written twice does no harm.
-#}
{% macro find_raw_files() %}
    {{- return(adapter.dispatch('find_raw_files')()) -}}
{% endmacro %}

{% macro default__find_raw_files() %}{% endmacro %}

{% macro spark__find_raw_files() %}
    {%- if execute and env_var('LOGENTIC_RAW', '') -%}
        {%- set journals = ['exception_log', 'month_close', 'closed_facts', 'invoice_decisions', 'runs'] -%}
        {%- do run_query('create schema if not exists logentic_raw') -%}
        {%- for table in graph.sources.values() -%}
            {%- set place = ' location ' ~ text_literal(env_var('LOGENTIC_RAW') ~ '/' ~ table.name) -%}
            {%- set format = 'parquet' if table.name in journals else env_var('LOGENTIC_RAW_FORMAT', 'parquet') -%}
            {%- set kind = 'json' if table.name == '_dlt_loads' else format -%}
            {%- set options = " options (mergeSchema 'true')" if kind == 'parquet' else '' -%}
            {%- do run_query('drop table if exists logentic_raw.' ~ table.name) -%}
            {%- do run_query('create table logentic_raw.' ~ table.name ~ ' using ' ~ kind ~ options ~ place) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{#-
    Models are written as files, too, in the folder LOGENTIC_BUILT: marts where they are published, steps beside them.
    Overrides dbt-spark's own, which takes a folder that is the same in all builds.
-#}
{% macro spark__location_clause() %}
    {%- set folder = env_var('LOGENTIC_BUILT', '') -%}
    {%- if folder -%}
    location {{ text_literal(folder ~ ('/' if '/marts/' in model.original_file_path else '/_steps/') ~ model.alias) }}
    {%- endif -%}
{%- endmacro -%}
