{#- The differences between two states of a charge, in words; null if there are none. -#}
{% macro restated(before, after) -%}
    {%- set kinds = {
        'amount': money_type(),
        'quantity': 'decimal(18, 2)',
        'charge_type': 'varchar',
        'order_id': 'varchar',
        'item_id': 'varchar',
        'start_date': 'varchar',
        'end_date': 'varchar',
    } -%}
    nullif(substr(
        {%- for column, kind in kinds.items() %}
        {%- set old, new = 'cast(' ~ before ~ '.' ~ column ~ ' as ' ~ column_type(kind) ~ ')', 'cast(' ~ after ~ '.' ~ column ~ ' as ' ~ column_type(kind) ~ ')' %}
        case
            when {{ old }} is distinct from {{ new }}
                then ', {{ column | replace("_", " ") }} '
                    || coalesce({{ text(old) }}, 'none') || ' → ' || coalesce({{ text(new) }}, 'none')
            else ''
        end{{ ' ||' if not loop.last }}
        {%- endfor %}
    , 3), '')
{%- endmacro %}
