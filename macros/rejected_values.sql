{#- The keys of a resource's records with such fields that still cannot be read. -#}
{% macro unreadable_where(resource, condition, key='key') -%}
    select distinct {{ key }} as record_key
    from (
        select
            key,
            _is_removed,
            row_number() over (partition by key, field order by _seen_at desc) as recency
        from {{ source('raw', 'rejected_values') }}
        where resource = '{{ resource }}' and {{ condition }}
    ) as entries
    where recency = 1 and not _is_removed
{%- endmacro %}

{% macro unreadable(resource, fields, key='key') -%}
    {{ unreadable_where(resource, "field in ('" ~ fields | join("', '") ~ "')", key) }}
{%- endmacro %}

{#- The key of a row of inventory history, in the form of rejected_values. -#}
{% macro history_key() -%}
    {{ text('id') }} || '|' || {{ text('date') }} || '|' || coalesce({{ text('warehouse_id') }}, '')
{%- endmacro %}

{#- A stock record with an unknown counter is left out, because no change can be computed from it; the item's next record counts. -#}
{% macro counters() -%}
    {{ return(['supply', 'receiving', 'prepared', 'back_ordered', 'delivered']) }}
{%- endmacro %}

{% macro lacks_a_counter() -%}
    ({% for counter in counters() %}{{ ' or ' if not loop.first }}{{ counter }} is null{% endfor %})
{%- endmacro %}

{% macro unreadable_stock_records() -%}
    {{ unreadable('item_quantities', counters(), "split_part(key, '|', 1)") }}
{%- endmacro %}

{#- Orders with missing lines: a line, or the whole list of lines, could not be read. -#}
{% macro orders_without_lines() -%}
    {{ unreadable_where('orders', "field like 'stored_items%' and field not like 'stored_items.%.%'") }}
{%- endmacro %}
