{#- Whether a raw table exists: a database that was loaded by an earlier version may lack it until the next run. -#}
{% macro is_loaded(relation) %}
    {{- return(adapter.dispatch('is_loaded')(relation)) -}}
{% endmacro %}

{% macro default__is_loaded(relation) %}
    {%- if not execute or model.resource_type == 'unit_test' -%}{{- return(true) -}}{%- endif -%}
    {{- return(adapter.get_relation(this.database, relation.schema, relation.identifier) is not none) -}}
{% endmacro %}

{#- find_raw_files has just made it. -#}
{% macro spark__is_loaded(relation) %}
    {{- return(true) -}}
{% endmacro %}

{% macro no_rejected_values() -%}
    (
        select
            {%- for name in ['resource', 'key', 'field', 'text', 'reason'] %}
                cast(null as {{ column_type('varchar') }}) as {{ name }},
            {%- endfor %}
            cast(null as {{ column_type('timestamp with time zone') }}) as _seen_at,
            false as _is_removed
        where 1 = 0
    ) as none_yet
{%- endmacro %}

{#- The keys of the records of a resource of which one of these fields could not be read, and cannot be read yet. -#}
{% macro unreadable(resource, fields, key='key') -%}
    select distinct {{ key }} as record_key
    from {{ ref('stg_rejected_values') }}
    where
        resource = '{{ resource }}' and closed_at is null
        and field in ('{{ fields | join("', '") }}')
{%- endmacro %}

{#- The key of a row of inventory history, as rejected_values has it. -#}
{% macro history_key() -%}
    {{ text('id') }} || '|' || {{ text('date') }} || '|' || coalesce({{ text('warehouse_id') }}, '')
{%- endmacro %}

{#- Of a stock record whose counters are not all known, no change can be told: it is left out, and its item's next record counts. -#}
{% macro counters() -%}
    {{ return(['supply', 'receiving', 'prepared', 'back_ordered', 'delivered']) }}
{%- endmacro %}

{% macro lacks_a_counter() -%}
    ({% for counter in counters() %}{{ ' or ' if not loop.first }}{{ counter }} is null{% endfor %})
{%- endmacro %}

{% macro unreadable_stock_records() -%}
    {{ unreadable('item_quantities', counters(), "split_part(key, '|', 1)") }}
{%- endmacro %}

{#- The orders of which a line, or the list of lines, could not be read: lines are missing. -#}
{% macro orders_without_lines() -%}
    select distinct key as record_key
    from {{ ref('stg_rejected_values') }}
    where
        resource = 'orders' and closed_at is null
        and field like 'stored_items%' and field not like 'stored_items.%.%'
{%- endmacro %}
