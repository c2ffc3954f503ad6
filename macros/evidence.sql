{#-
    A JSON object as text, written by concatenation, which every engine knows: {name: SQL expression}, or
    {name: [SQL expression]} for what is written without quotes (a number, a truth). Null becomes null.
-#}
{% macro json_text(fields) -%}
    '{' ||
    {%- for name, value in fields.items() %}
    '"{{ name }}": ' ||
        {%- if value is string %}
    coalesce('"' || replace(replace({{ text(value) }}, chr(92), chr(92) || chr(92)), '"', chr(92) || '"') || '"', 'null')
        {%- else %}
    coalesce({{ text(value[0]) }}, 'null')
        {%- endif %}{{ " || ', ' ||" if not loop.last }}
    {%- endfor %}
    || '}'
{%- endmacro %}

{#- An amount as a person reads it. -#}
{% macro money(amount) -%}
    {{ text('cast(' ~ amount ~ ' as decimal(18, 2))') }}
{%- endmacro %}
