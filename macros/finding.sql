{#- The columns of one finding, in the order in which findings are combined; columns that are not named are null. -#}
{% macro finding(kind, subject, says, evidence, columns={}) -%}
    {%- set types = {'charge_type': 'varchar', 'rule': 'varchar', 'item_id': 'bigint', 'warehouse_id': 'bigint',
        'payment_id': 'bigint', 'start_date': 'date', 'end_date': 'date', 'occurrences': 'bigint',
        'amount': money_type()} -%}
    '{{ kind }}' as kind,
    '{{ kind }}-' || {{ subject }} as finding_id,
    {%- for name, type in types.items() %}
    cast({{ columns.get(name, 'null') }} as {{ column_type(type) }}) as {{ name }},
    {%- endfor %}
    {{ says }} as finding,
    {{ json_text(evidence) }} as evidence_json
{%- endmacro %}
