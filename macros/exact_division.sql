{#-
    Division of decimals is floating in DuckDB, numeric in PostgreSQL and cut in Spark. The remainder is exact on all of
    them, and once it is taken off, the quotient is a whole number that a double carries exactly (below 2 to the 53rd).
-#}

{#- Whole number of times that `divisor` fits into `amount`; null when it is zero. Neither may be negative. -#}
{% macro whole_quotient(amount, divisor) -%}
    cast(round(
        cast(({{ amount }}) - ({{ amount }}) % nullif({{ divisor }}, 0) as double precision)
        / cast(nullif({{ divisor }}, 0) as double precision)
    ) as bigint)
{%- endmacro %}

{#- `amount` ÷ `divisor`, rounded half up to `scale` places. -#}
{% macro rounded_quotient(amount, divisor, scale) -%}
    {%- set unit = 10 ** scale -%}
    cast(
        {{ whole_quotient('(' ~ amount ~ ') * ' ~ 2 * unit ~ ' + (' ~ divisor ~ ')', '(' ~ divisor ~ ') * 2') }}
        * {{ '0.' ~ '0' * (scale - 1) ~ '1' }} as decimal(18, {{ scale }})
    )
{%- endmacro %}
