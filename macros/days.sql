{#- The calendar day of a time, in the account's time zone. -#}
{% macro account_date(moment) -%}
    cast({{ moment if not is_plan() and var('timezone') == 'UTC' else zone_clock(moment) }} as date)
{%- endmacro %}

{#- The local time in the account's time zone. -#}
{% macro zone_clock(moment) %}
    {{- return(adapter.dispatch('zone_clock')(moment)) -}}
{% endmacro %}

{% macro default__zone_clock(moment) -%}
    timezone({{ timezone() }}, {{ moment }})
{%- endmacro %}

{% macro spark__zone_clock(moment) -%}
    from_utc_timestamp({{ moment }}, {{ timezone() }})
{%- endmacro %}

{#- The time at which a calendar day begins in the account's time zone. -#}
{% macro account_midnight(day) %}
    {{- return(adapter.dispatch('account_midnight')(day)) -}}
{% endmacro %}

{% macro default__account_midnight(day) -%}
    timezone({{ timezone() }}, cast({{ day }} as timestamp))
{%- endmacro %}

{% macro spark__account_midnight(day) -%}
    to_utc_timestamp(cast({{ day }} as timestamp), {{ timezone() }})
{%- endmacro %}

{% macro day_after(day) -%}
    cast({{ dbt.dateadd('day', 1, day) }} as date)
{%- endmacro %}

{% macro day_before(day) -%}
    cast({{ dbt.dateadd('day', -1, day) }} as date)
{%- endmacro %}

{#- A date plus a number of days, which may be a column. -#}
{% macro days_after(day, count) %}
    {{- return(adapter.dispatch('days_after')(day, count)) -}}
{% endmacro %}

{% macro default__days_after(day, count) -%}
    cast({{ day }} + {{ count }} as date)
{%- endmacro %}

{% macro spark__days_after(day, count) -%}
    date_add({{ day }}, {{ count }})
{%- endmacro %}

{#- The number of days from first to last, both included. -#}
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

{% macro spark__each_day(first, last) -%}
    select {{ spark__days_of_row('first_date', 'last_date') }} as date
    from (select {{ first }} as first_date, {{ last }} as last_date) as span_of_days
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

{#- Spark rejects a series that ends before it begins; other engines return no days. -#}
{% macro spark__days_of_row(first, last) -%}
    explode(case
        when {{ first }} <= {{ last }} then sequence({{ first }}, {{ last }}, interval 1 day)
        else cast(array() as array<date>)
    end)
{%- endmacro %}
