{#- The number of decimals of the currency: 2 for a dollar, 0 for a yen, 3 for a Kuwaiti dinar. Types depend on it. -#}
{% macro minor_digits() %}{{ return('<<minor_digits>>' if is_plan() else var('minor_digits') | int) }}{% endmacro %}

{#- The currency's smallest amount: 0.01, 1 or 0.001. `times` multiplies it. -#}
{% macro minor_unit(times=1) -%}
    {{ '<<minor_unit ' ~ times ~ '>>' if is_plan() else '%.6g' | format(times * 10 ** -minor_digits()) }}
{%- endmacro %}

{#- The number of smallest amounts in 1. -#}
{% macro minor_units() -%}
    {{ '<<minor_units>>' if is_plan() else 10 ** minor_digits() }}
{%- endmacro %}

{#- The type of an amount that is rounded to the smallest amount. -#}
{% macro money_type() -%}
    decimal(18, {{ '<<money_digits>>' if is_plan() else [minor_digits(), 2] | max }})
{%- endmacro %}

{#- An amount as it is billed: rounded half up to the smallest amount. -#}
{% macro rounded_money(amount) -%}
    {%- if is_plan() or minor_digits() < 2 -%}
    cast(cast({{ amount }} as decimal(18, {{ minor_digits() }})) as {{ money_type() }})
    {%- else -%}
    cast({{ amount }} as {{ money_type() }})
    {%- endif -%}
{%- endmacro %}
