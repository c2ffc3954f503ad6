{#- No rows with the given columns, {name: type}: the table that a Python step fills. -#}
{% macro empty_rows(columns) -%}
    select
        {%- for name, type in columns.items() %}
        cast(null as {{ column_type(type) }}) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    where false
{%- endmacro %}
