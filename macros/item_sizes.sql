{#- Whether an item is priced at another size than its dimensions give. -#}
{% macro sizes_disagree(priced, listed) -%}
    abs({{ priced }} - {{ listed }}) > 0.01 * {{ listed }} + 0.0001
{%- endmacro %}

{#- The difference of a day's cost at another size: the price is proportional to the volume. -#}
{% macro cost_above_size(days, size) -%}
    {{ days }}.day_cost - {{ rounded_quotient(
        days ~ '.day_cost * cast(' ~ size ~ ' as decimal(14, 6))', 'cast(' ~ days ~ '.unit_volume_cuft as decimal(14, 6))', 8
    ) }}
{%- endmacro %}
