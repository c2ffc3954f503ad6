{#- How many decimals the currency has: 2 for a dollar, 0 for a yen, 3 for a Kuwaiti dinar. -#}
{% macro minor_digits() %}{{ return(var('minor_digits') | int) }}{% endmacro %}

{#- Its smallest amount: 0.01, 1 or 0.001. `times` is how many of them. -#}
{% macro minor_unit(times=1) -%}
    {{ '%.6g' | format(times * 10 ** -minor_digits()) }}
{%- endmacro %}

{#- The type of an amount that is rounded to it. -#}
{% macro money_type() -%}
    decimal(18, {{ [minor_digits(), 2] | max }})
{%- endmacro %}

{#- An amount as it is billed: rounded half up to the smallest amount. -#}
{% macro rounded_money(amount) -%}
    {%- if minor_digits() < 2 -%}
    cast(cast({{ amount }} as decimal(18, {{ minor_digits() }})) as {{ money_type() }})
    {%- else -%}
    cast({{ amount }} as {{ money_type() }})
    {%- endif -%}
{%- endmacro %}
