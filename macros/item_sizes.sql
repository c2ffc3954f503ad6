{#- Whether an item is priced at another size than its dimensions give. -#}
{% macro sizes_disagree(priced, listed) -%}
    abs({{ priced }} - {{ listed }}) > 0.01 * {{ listed }} + 0.0001
{%- endmacro %}

{#- What a day cost more, or less, than it would have at another size: a price goes by volume. -#}
{% macro cost_above_size(days, size) -%}
    {{ days }}.day_cost - {{ rounded_quotient(
        days ~ '.day_cost * cast(' ~ size ~ ' as decimal(14, 6))', 'cast(' ~ days ~ '.unit_volume_cuft as decimal(14, 6))', 8
    ) }}
{%- endmacro %}
