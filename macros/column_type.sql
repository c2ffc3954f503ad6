{#-
    Types that engines name differently, by their names in standard SQL; all other types have one name everywhere. Also
    listed under dbt's names of Spark's family: Databricks takes Spark's.
-#}
{% macro column_type(name) %}
    {{- return(adapter.dispatch('column_type')(name)) -}}
{% endmacro %}

{% macro default__column_type(name) %}
    {{- return(name) -}}
{% endmacro %}

{% macro spark__column_type(name) %}
    {{- return({'varchar': 'string', 'timestamp with time zone': 'timestamp', 'double precision': 'double'}.get(name, name)) -}}
{% endmacro %}

{% macro text(value) -%}
    cast({{ value }} as {{ column_type('varchar') }})
{%- endmacro %}

{#- A decimal, formatted for people: without the trailing zeros of its type. -#}
{% macro number_text(value) %}
    {{- return(adapter.dispatch('number_text')(text('cast(' ~ value ~ ' as decimal(18, 4))'))) -}}
{% endmacro %}

{% macro default__number_text(written) -%}
    rtrim(rtrim({{ written }}, '0'), '.')
{%- endmacro %}

{#- Spark's rtrim takes its arguments in the opposite order. -#}
{% macro spark__number_text(written) -%}
    trim(trailing '.' from trim(trailing '0' from {{ written }}))
{%- endmacro %}

{% macro floating(value) -%}
    cast({{ value }} as {{ column_type('double precision') }})
{%- endmacro %}

{#- A text of the settings as a literal. -#}
{% macro text_literal(value) %}
    {{- return(adapter.dispatch('text_literal')(value | string)) -}}
{% endmacro %}

{% macro default__text_literal(value) %}
    {{- return("'" ~ value | replace("'", "''") ~ "'") -}}
{% endmacro %}

{% macro spark__text_literal(value) %}
    {{- return("'" ~ value | replace('\\', '\\\\') | replace("'", "\\'") ~ "'") -}}
{% endmacro %}
