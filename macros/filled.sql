{#- A sentence of the rules with its {names} replaced by values: {name: SQL expression}. -#}
{% macro filled(sentence, values) -%}
    {%- set ns = namespace(written=sentence) -%}
    {%- for name, value in values.items() -%}
        {%- set ns.written = "replace(" ~ ns.written ~ ", '{" ~ name ~ "}', coalesce(" ~ text(value) ~ ", ''))" -%}
    {%- endfor -%}
    {{ ns.written }}
{%- endmacro %}
