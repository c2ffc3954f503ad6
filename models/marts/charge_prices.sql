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
-- Filled by logentic.transform.prices.step; a manual dbt run keeps the rows of the last build.
-- depends_on: {{ ref('learned_prices') }}
{{ empty_rows(columns) }}
