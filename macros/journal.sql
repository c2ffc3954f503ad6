{#- An audit log of the state folder, as a raw table. It is empty if nothing has written it, as on other engines. -#}
{% macro journal(name, columns) -%}
    select
        {%- for column, type in columns.items() %}
        cast({{ adapter.quote(column) }} as {{ column_type(type) }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ source('raw', name) }}
{%- endmacro %}
