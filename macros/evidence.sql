{#-
    A JSON object as text, written by concatenation, which every engine knows: {name: SQL expression}, or
    {name: [SQL expression]} for what is written without quotes (a number, a truth). Null becomes null.
-#}
{% macro json_text(fields) -%}
    '{' ||
    {%- for name, value in fields.items() %}
    '"{{ name }}": ' ||
        {%- if value is string %}
    coalesce('"' || {{ json_escaped(text(value)) }} || '"', 'null')
        {%- else %}
    coalesce({{ text(value[0]) }}, 'null')
        {%- endif %}{{ " || ', ' ||" if not loop.last }}
    {%- endfor %}
    || '}'
{%- endmacro %}

{#- What may not stand in JSON's text as it is: backslash, quote, tab, line feed, carriage return. -#}
{% macro json_escaped(value) -%}
    {%- set ns = namespace(written="replace(" ~ value ~ ", chr(92), chr(92) || chr(92))") -%}
    {%- for code, letter in [(34, '"'), (9, 't'), (10, 'n'), (13, 'r')] -%}
        {%- set ns.written = "replace(" ~ ns.written ~ ", chr(" ~ code ~ "), chr(92) || '" ~ letter ~ "')" -%}
    {%- endfor -%}
    {{ ns.written }}
{%- endmacro %}

{#- An amount as a person reads it. -#}
{% macro money(amount) -%}
    {{ text('cast(' ~ amount ~ ' as decimal(18, ' ~ minor_digits() ~ '))') }}
{%- endmacro %}

{#- A price as a person writes it: to the cent, or finer where it is. -#}
{% macro price_text(value) -%}
    case when {{ value }} = {{ rounded_money(value) }} then {{ money(value) }}
        else {{ number_text(value) }} end
{%- endmacro %}

{#- 1 unit, 2 units. -#}
{% macro counted(number, noun) -%}
    {{ text('cast(' ~ number ~ ' as bigint)') }} || case when {{ number }} = 1 then ' {{ noun }}' else ' {{ noun }}s' end
{%- endmacro %}
