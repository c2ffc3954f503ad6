{#- Read before invoice_exceptions is rebuilt. -#}
{%- set columns = {
    'exception_id': 'varchar', 'charge_id': 'bigint', 'payment_id': 'bigint', 'rule': 'varchar',
    'amount_at_stake': 'decimal(38, 24)', 'charge_type': 'varchar', 'order_id': 'bigint', 'start_date': 'date',
    'billed_date': 'date', 'dispute_until': 'date',
} -%}
{%- set before = as_built('marts', 'invoice_exceptions') -%}
select
    {%- for name, type in columns.items() %}
    cast({{ name if before else 'null' }} as {{ column_type(type) }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{{ 'from ' ~ before if before else 'where false' }}
