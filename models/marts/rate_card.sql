{%- set columns = {'zone': "''", 'driver': "'none'", 'valid_from': "date '1970-01-01'",
    'valid_to': "date '9999-12-31'", 'from_quantity': 'null', 'to_quantity': 'null', 'above_quantity': 'null',
    'below_quantity': 'null', 'fixed': 'null', 'per_unit': 'null', 'minimum': 'null', 'kind': "'base'",
    'source': "'none'", 'charges': 'null', 'explained_share': 'null', 'error_amount': 'null', 'note': 'null'} -%}
{%- set types = {'valid_from': 'date', 'valid_to': 'date', 'from_quantity': 'decimal(18, 4)',
    'to_quantity': 'decimal(18, 4)', 'above_quantity': 'decimal(18, 4)', 'below_quantity': 'decimal(18, 4)',
    'fixed': 'decimal(18, 4)', 'per_unit': 'decimal(18, 4)', 'minimum': money_type(), 'charges': 'bigint',
    'explained_share': 'decimal(9, 4)', 'error_amount': money_type()} -%}
{%- set learned = {'source': "'inferred'"} -%}
{%- for name in ('zone', 'driver', 'valid_from', 'valid_to', 'from_quantity', 'to_quantity', 'above_quantity',
    'below_quantity', 'fixed', 'per_unit', 'kind', 'charges', 'explained_share') -%}
    {%- do learned.update({name: name}) -%}
{%- endfor -%}
{%- set given = {'source': "'configured'",
    'kind': "case when from_quantity is null and to_quantity is null then 'base' else 'tier' end",
    'fixed': 'coalesce(fixed, 0)', 'per_unit': 'coalesce(per_unit, 0)', 'zone': "coalesce(zone, '')",
    'driver': "coalesce(driver, 'none')", 'valid_from': "coalesce(valid_from, date '1970-01-01')",
    'valid_to': "coalesce(valid_to, date '9999-12-31')", 'from_quantity': 'from_quantity',
    'to_quantity': 'to_quantity', 'minimum': 'minimum'} -%}
{%- set silent = {'zone': 'zone', 'kind': "'none'", 'charges': 'charges', 'note': 'note'} -%}
{%- set stored = {'kind': 'basis', 'source': "'bills'", 'charges': 'charges', 'explained_share': 'explained_share',
    'error_amount': 'error_amount', 'note': "case when is_best then 'It explains the bills best.' end"} -%}

with

configured as (

    select * from {{ ref('configured_charge_rates') }}

)

{%- for relation, own in {'configured': given, ref('learned_rates'): learned, ref('unlearned_rates'): silent,
    ref('storage_fits'): stored}.items() %}
{{ 'union all' if not loop.first }}
select
    {{ "'storage'" if own is sameas stored else 'lower(charge_type)' }} as charge_type
    {%- for name, default in columns.items() %},
    cast({{ own.get(name, default) }} as {{ column_type(types.get(name, 'varchar')) }}) as {{ name }}
    {%- endfor %}
from {{ relation }}
{%- if own is sameas learned or own is sameas silent %}
where charge_type not in (select lower(charge_type) from configured)
{%- endif %}
{%- endfor %}
