{%- set columns = {
    'charge_id': 'bigint',
    'order_id': 'bigint',
    'charge_type': 'varchar',
    'price_id': 'varchar',
    'expected': 'decimal(18, 4)',
    'tolerance': 'decimal(18, 4)',
    'is_trusted': 'boolean',
    'alike': 'bigint',
    'reason': 'varchar',
} -%}
-- Filled by logentic.transform.prices.step; plain dbt leaves what was written last.
-- depends_on: {{ ref('learned_prices') }}
select
    {%- for name, type in columns.items() %}
    cast(null as {{ column_type(type) }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
where false
