{#-
    dbt-spark writes dates and lists for old versions of Spark: through text, without nulls, unordered. These are the
    functions of Spark 4.
-#}
{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
    {{ from_date_or_timestamp }} + interval '{{ interval }}' {{ datepart }}
{%- endmacro %}

{% macro spark__datediff(first_date, second_date, datepart) -%}
    {%- if datepart == 'second' -%}
    (unix_timestamp({{ second_date }}) - unix_timestamp({{ first_date }}))
    {%- else -%}
    datediff({{ second_date }}, {{ first_date }})
    {%- endif -%}
{%- endmacro %}

{% macro spark__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
    listagg({{ measure }}, {{ delimiter_text }}) within group ({{ order_by_clause }})
{%- endmacro %}
