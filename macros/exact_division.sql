{#-
    Division of decimals is floating in DuckDB, numeric in PostgreSQL and truncated in Spark. A floating quotient below
    2^30 is off by less than a millionth, so use it unless it is that close to where rounding turns. In that case use the
    remainder, which is exact on all engines and costs more: after subtracting it, the quotient is a whole number
    that a double represents exactly (below 2^53).
-#}

{#-
    How many whole times `divisor` fits into `amount`; null if it is zero. Neither may be negative. Converting a long
    decimal to double is most of the work: if many rows share a divisor, pass it converted in the column `as_double`.
-#}
{% macro whole_quotient(amount, divisor, as_double=none) -%}
    {%- set quotient = floating(amount) ~ ' / ' ~ as_double if as_double else floating_quotient(amount, divisor) -%}
    cast(case
        when {{ quotient }} < 1073741824 and {{ quotient }} - floor({{ quotient }}) between 0.00001 and 0.99999
            then floor({{ quotient }})
        else {{ quotient_by_remainder(amount, divisor) }}
    end as bigint)
{%- endmacro %}

{#- `amount` ÷ `divisor`, rounded half up to `scale` places. -#}
{% macro rounded_quotient(amount, divisor, scale) -%}
    {%- set unit = 10 ** scale -%}
    {%- set floating = floating_quotient(amount, divisor) ~ ' * ' ~ unit -%}
    {%- set twice = '(' ~ divisor ~ ') * 2' -%}
    case
        when {{ floating }} < 1073741824 and abs({{ floating }} - floor({{ floating }}) - 0.5) > 0.00001
            then cast(round({{ floating }}) / {{ unit }} as decimal(18, {{ scale }}))
        else cast(
            cast({{ quotient_by_remainder('(' ~ amount ~ ') * ' ~ wide(2 * unit) ~ ' + (' ~ divisor ~ ')', twice) }} as bigint)
            * {{ '0.' ~ '0' * (scale - 1) ~ '1' }} as decimal(18, {{ scale }})
        )
    end
{%- endmacro %}

{% macro floating_quotient(amount, divisor) -%}
    {{ floating(amount) }} / {{ floating('nullif(' ~ divisor ~ ', 0)') }}
{%- endmacro %}

{#- DuckDB multiplies decimals of up to 18 digits in 18 digits, and fails if the product has more. -#}
{% macro wide(whole) %}
    {{- return(adapter.dispatch('wide')(whole)) -}}
{% endmacro %}

{% macro default__wide(whole) -%}
    {{ whole }}
{%- endmacro %}

{% macro duckdb__wide(whole) -%}
    cast({{ whole }} as decimal(20, 0))
{%- endmacro %}

{% macro quotient_by_remainder(amount, divisor) -%}
    round(
        {{ floating('(' ~ amount ~ ') - (' ~ amount ~ ') % nullif(' ~ divisor ~ ', 0)') }}
        / {{ floating('nullif(' ~ divisor ~ ', 0)') }}
    )
{%- endmacro %}
