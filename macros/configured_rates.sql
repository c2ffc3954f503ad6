{#- The card that the user wrote in the configuration, as rows; it may be empty. -#}
{% macro configured_rates() -%}
    {%- set columns = ['charge_type', 'zone', 'driver', 'valid_from', 'valid_to', 'from_quantity', 'to_quantity', 'fixed',
        'per_unit', 'minimum'] -%}
    {%- set types = ['varchar', 'varchar', 'varchar', 'date', 'date', 'decimal(18, 4)', 'decimal(18, 4)',
        'decimal(18, 4)', 'decimal(18, 4)', money_type()] -%}
    {%- for rate in var('charge_rates') + [none] %}
    select
        {%- for column in columns %}
        {%- set value = rate.get(column) if rate else none %}
        cast({{ text_literal(value) if value is not none else 'null' }} as {{ column_type(types[loop.index0]) }})
            as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    {%- if rate is none %}
    where false
    {%- else %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
