{#- Kinds of order by which a price may differ, commonest first; zone is its province, else its country. -#}
{% macro rate_places() %}
    {{- return(['zone', 'warehouse', 'order_type']) -}}
{% endmacro %}

{#- The kind of `alias` that a price by `by_zone` is for: 0 is one price for all, 1 the first of rate_places. -#}
{% macro rate_place(by_zone, alias) -%}
    case {{ by_zone }}
        {%- for name in rate_places() %}
        when {{ loop.index }} then {{ alias }}.{{ name }}
        {%- endfor %}
        else ''
    end
{%- endmacro %}

{#- Whether a price of the card is for the kind of `alias`. -#}
{% macro is_priced_place(card, alias) -%}
    {{ card }}.zone in (''
    {%- for name in rate_places() %}, {{ alias }}.{{ name }}{% endfor %})
{%- endmacro %}

{#- The kinds of an order, as columns; a kind that an order does not say is one as well. -#}
{% macro rate_place_columns(orders) -%}
    coalesce(nullif({{ orders }}.zone, ''), 'no zone') as zone,
    coalesce('warehouse ' || {{ orders }}.warehouse_id, 'no warehouse') as warehouse,
    coalesce(nullif({{ orders }}.order_type, ''), 'no type') as order_type
{%- endmacro %}
