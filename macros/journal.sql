{#- A journal of the state folder, as a table of raw. It has no rows where nothing has written it, as on another engine. -#}
{% macro journal(name, columns) -%}
    {%- set table = source('raw', name) -%}
    {%- set stored = builtins.source('raw', name) -%}
    {%- set is_there = execute and adapter.get_relation(stored.database, stored.schema, name) is not none -%}
    select
        {%- for column, type in columns.items() %}
        cast({{ adapter.quote(column) if is_there else 'null' }} as {{ column_type(type) }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    {{ 'from ' ~ table if is_there else 'where false' }}
{%- endmacro %}
