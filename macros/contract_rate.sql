{#- The configured storage rate of a day, per cubic foot; null where the contract names none. The latest start wins. -#}
{% macro contract_rate(day) -%}
    {%- set rates = var('storage_rates') | sort(attribute='valid_from', reverse=true) -%}
    cast(
        {%- if rates %} case
            {%- for rate in rates %}
            when {{ day }} >= date '{{ rate.valid_from }}'
                {%- if rate.valid_to %} and {{ day }} <= date '{{ rate.valid_to }}'{% endif %} then {{ rate.rate }}
            {%- endfor %}
        end
        {%- else %} null
        {%- endif %} as decimal(16, 8)
    )
{%- endmacro %}
