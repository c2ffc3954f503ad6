{#- An audit log of the state folder, as a table of raw. It has no rows where nothing has written it, as on another engine. -#}
{% macro journal(name, columns) -%}
    select
        {%- for column, type in columns.items() %}
        cast({{ adapter.quote(column) }} as {{ column_type(type) }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ source('raw', name) }}
{%- endmacro %}
