{%- set columns = {
    'price_id': 'varchar',
    'charge_type': 'varchar',
    'segment': 'varchar',
    'tier': 'varchar',
    'family': 'varchar',
    'formula': 'varchar',
    'fixed': 'decimal(18, 4)',
    'per': 'varchar',
    'per_unit': 'decimal(18, 6)',
    'included': 'decimal(18, 4)',
    'and_per': 'varchar',
    'and_per_unit': 'decimal(18, 6)',
    'minimum': 'decimal(18, 4)',
    'maximum': 'decimal(18, 4)',
    'from_quantity': 'decimal(18, 4)',
    'to_quantity': 'decimal(18, 4)',
    'conditions': 'varchar',
    'valid_by': 'varchar',
    'valid_from': 'date',
    'valid_to': 'date',
    'charges': 'bigint',
    'explained': 'bigint',
    'explained_share': 'decimal(9, 4)',
    'margin': 'bigint',
    'is_trusted': 'boolean',
    'source': 'varchar',
    'note': 'varchar',
} -%}
-- Filled by logentic.transform.prices.step; plain dbt leaves what was written last.
-- depends_on: {{ ref('int_charge_facts') }}
select
    {%- for name, type in columns.items() %}
    cast(null as {{ column_type(type) }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
where false
