{#- The calendar day of a time, in the account's zone. -#}
{% macro account_date(moment) -%}
    cast({% if var('timezone') == 'UTC' %}{{ moment }}{% else %}timezone('{{ var("timezone") }}', {{ moment }}){% endif %} as date)
{%- endmacro %}

{#- The time at which a calendar day of the account's zone begins. -#}
{% macro account_midnight(day) -%}
    timezone('{{ var("timezone") }}', cast({{ day }} as timestamp))
{%- endmacro %}

{% macro day_after(day) -%}
    cast({{ dbt.dateadd('day', 1, day) }} as date)
{%- endmacro %}

{% macro day_before(day) -%}
    cast({{ dbt.dateadd('day', -1, day) }} as date)
{%- endmacro %}

{#- How many days there are from first to last, both included. -#}
{% macro days_in(first, last) -%}
    {{ dbt.datediff(first, last, 'day') }} + 1
{%- endmacro %}

{#- Every day from first to last, both scalar expressions, as rows of one column `date`. -#}
{% macro each_day(first, last) %}
    {{- return(adapter.dispatch('each_day')(first, last)) -}}
{% endmacro %}

{% macro default__each_day(first, last) -%}
    select cast(generate_series({{ first }}, {{ last }}, interval '1 day') as date) as date
{%- endmacro %}

{% macro duckdb__each_day(first, last) -%}
    select cast(unnest(generate_series({{ first }}, {{ last }}, interval '1 day')) as date) as date
{%- endmacro %}

{#- For each row, every day from first to last, both columns of it; goes into a select list. -#}
{% macro days_of_row(first, last) %}
    {{- return(adapter.dispatch('days_of_row')(first, last)) -}}
{% endmacro %}

{% macro default__days_of_row(first, last) -%}
    cast(generate_series({{ first }}, {{ last }}, interval '1 day') as date)
{%- endmacro %}

{% macro duckdb__days_of_row(first, last) -%}
    cast(unnest(generate_series({{ first }}, {{ last }}, interval '1 day')) as date)
{%- endmacro %}
