{#-
    A JSON object as text, concatenated, which works on every engine: {name: SQL expression}, or {name: [SQL expression]}
    for values without quotes (numbers, truth values). Null becomes null.
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

{#- The characters that JSON text must escape: backslash, quote, tab, line feed, carriage return. -#}
{% macro json_escaped(value) -%}
    {%- set ns = namespace(written="replace(" ~ value ~ ", chr(92), chr(92) || chr(92))") -%}
    {%- for code, letter in [(34, '"'), (9, 't'), (10, 'n'), (13, 'r')] -%}
        {%- set ns.written = "replace(" ~ ns.written ~ ", chr(" ~ code ~ "), chr(92) || '" ~ letter ~ "')" -%}
    {%- endfor -%}
    {{ ns.written }}
{%- endmacro %}

{#- An amount, formatted for people. -#}
{% macro money(amount) -%}
    {{ text('cast(' ~ amount ~ ' as decimal(18, ' ~ minor_digits() ~ '))') }}
{%- endmacro %}

{#- A price, formatted for people: in cents, or with more decimals if it has them. -#}
{% macro price_text(value) -%}
    case when {{ value }} = {{ rounded_money(value) }} then {{ money(value) }}
        else {{ number_text(value) }} end
{%- endmacro %}

{#- A count with its noun: 1 unit, 2 units. -#}
{% macro counted(number, noun) -%}
    {{ text('cast(' ~ number ~ ' as bigint)') }} || case when {{ number }} = 1 then ' {{ noun }}' else ' {{ noun }}s' end
{%- endmacro %}
