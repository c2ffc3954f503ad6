{#-
    The settings that models read. Scalars are in the table `settings`, rates in tables of their own. Only what an engine
    needs before it plans is written into the statements: the time zone, decimals, days. In the compiled plan these are
    parameters, <<name>>, which the runner binds.
-#}
{% macro is_plan() -%}{{ return(var('is_plan', false)) }}{%- endmacro %}

{#- A scalar of the table `settings`; in a unit test its dbt variable, so that no test needs the table. -#}
{% macro setting(name) -%}
    {%- if model.resource_type == 'unit_test' -%}
        {{ return(typed_setting(name, var(name))) }}
    {%- endif -%}
    {{ return('(select ' ~ name ~ ' from ' ~ ref('settings') ~ ')') }}
{%- endmacro %}

{% macro setting_types() -%}
    {{ return({'earliest_date': 'date', 'storage_basis': 'varchar', 'dispute_days': 'integer', 'promised_hours': 'decimal(18, 6)',
        'stuck_hours': 'decimal(18, 6)'}) }}
{%- endmacro %}

{% macro typed_setting(name, value) -%}
    {{ return('cast(' ~ text_literal(value) ~ ' as ' ~ column_type(setting_types()[name]) ~ ')') }}
{%- endmacro %}

{#- Rows of a setting as a query; in the plan the runner writes the rows. -#}
{% macro setting_rows(name, rows, types) -%}
select
    {%- for column, type in types.items() %}
    cast({{ column }} as {{ column_type(type) }}) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from (
    values
    {%- if is_plan() %}
    <<rows {{ name }}: {{ types | join(' ') }}>>
    {%- endif %}
    {%- for row in rows if not is_plan() %}
    (true{% for column in types %}, {{ text('null' if row.get(column) is none else text_literal(row[column])) }}{% endfor %}),
    {%- endfor %}
    (false{% for column in types %}, {{ text('null') }}{% endfor %})
) as given (is_given{% for column in types %}, {{ column }}{% endfor %})
where is_given
{%- endmacro %}

{% macro timezone() -%}
    {{ return("'<<timezone>>'" if is_plan() else text_literal(var('timezone'))) }}
{%- endmacro %}
