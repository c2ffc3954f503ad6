{#- For each row, the words of a text in lower case, without punctuation around numbers (#1001, (order 1001)); goes into a select list. -#}
{% macro words_of_row(value) %}
    {{- return(adapter.dispatch('words_of_row')(value)) -}}
{% endmacro %}

{% macro default__words_of_row(value) -%}
    regexp_split_to_table(lower({{ value }}), '[^0-9a-z_-]+')
{%- endmacro %}

{% macro duckdb__words_of_row(value) -%}
    unnest(regexp_split_to_array(lower({{ value }}), '[^0-9a-z_-]+'))
{%- endmacro %}

{% macro spark__words_of_row(value) -%}
    explode(split(lower({{ value }}), '[^0-9a-z_-]+'))
{%- endmacro %}
