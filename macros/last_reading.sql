{#- The time of the last complete reading of a list, as a query of one row: read_at. A record looked up by its id does not count. -#}
{% macro last_reading(resource) -%}
    select max(finished_at) as read_at
    from {{ ref('stg_extract_windows') }}
    where resource = '{{ resource }}' and filtered_by <> 'id' and is_complete
{%- endmacro %}
