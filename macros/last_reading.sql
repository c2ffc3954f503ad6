{#- When a list was last read whole, as a query of one row: read_at. A record asked for by its id is no reading. -#}
{% macro last_reading(resource) -%}
    select max(finished_at) as read_at
    from {{ ref('stg_extract_windows') }}
    where resource = '{{ resource }}' and filtered_by <> 'id' and is_complete
{%- endmacro %}
