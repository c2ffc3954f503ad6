{%- set columns = {'price_id': 'null', 'segment': "''", 'tier': "''", 'formula': 'null', 'driver': "'none'",
    'valid_by': "'charge_date'", 'valid_from': "date '1970-01-01'", 'valid_to': "date '9999-12-31'",
    'from_quantity': 'null', 'to_quantity': 'null', 'above_quantity': 'null', 'below_quantity': 'null', 'fixed': 'null',
    'per_unit': 'null', 'included': 'null', 'and_per': 'null', 'and_per_unit': 'null', 'minimum': 'null',
    'maximum': 'null', 'kind': "'base'", 'source': "'none'", 'charges': 'null', 'explained_share': 'null',
    'error_amount': 'null', 'note': 'null'} -%}
{%- set price = 'decimal(18, 4)' -%}
{%- set types = {'valid_from': 'date', 'valid_to': 'date', 'from_quantity': price, 'to_quantity': price,
    'above_quantity': price, 'below_quantity': price, 'fixed': price, 'per_unit': 'decimal(18, 6)', 'included': price,
    'and_per_unit': 'decimal(18, 6)', 'minimum': money_type(), 'maximum': money_type(), 'charges': 'bigint',
    'explained_share': 'decimal(9, 4)', 'error_amount': money_type()} -%}
{%- set learned = {'driver': 'per', 'included': 'nullif(included, 0)', 'and_per': "nullif(and_per, 'none')",
    'and_per_unit': 'nullif(and_per_unit, 0)', 'kind':
    "case when tier = '' then 'base' else 'tier' end"} -%}
{%- for name in ('price_id', 'segment', 'tier', 'formula', 'valid_by', 'valid_from', 'valid_to', 'from_quantity', 'to_quantity',
    'fixed', 'per_unit', 'minimum', 'maximum', 'source', 'charges', 'explained_share', 'note') -%}
    {%- do learned.update({name: name}) -%}
{%- endfor -%}
{%- set unknown = {'price_id': "'none-' || charge_type", 'kind': "'none'", 'charges': 'charges', 'note': 'note'} -%}
{%- set stored = {'price_id': "'storage-' || basis", 'kind': 'basis', 'source': "'bills'", 'charges': 'charges',
    'explained_share': 'explained_share', 'error_amount': 'error_amount',
    'note': "case when is_best then 'It explains the bills best.' end"} -%}
with

unknown as (

    select
        prices.charge_type,
        count(prices.charge_id) as charges,
        max(prices.reason) as note
    from {{ ref('charge_prices') }} as prices
    where
        prices.charge_id is not null
        and prices.charge_type not in (select learned.charge_type from {{ ref('learned_prices') }} as learned)
    group by prices.charge_type

),

-- The difference between the billed storage and each basis.
storage_errors as (

    select
        basis,
        place,
        count(*) as charges,
        sum(abs(amount - expected)) as error_amount,
        sum(is_fit) as fitting
    from {{ ref('int_storage_bases_compared') }}
    where is_judged and pool <> 'not billed'
    group by basis, place

),

storage as (

    select
        basis,
        charges,
        error_amount,
        cast({{ rounded_quotient('fitting', 'charges', 4) }} as decimal(9, 4)) as explained_share,
        fitting >= 0.6 * charges and row_number() over (order by fitting desc, place) = 1 as is_best
    from storage_errors
    where basis not like 'api%'

)

{%- for relation, own in {ref('learned_prices'): learned, 'unknown': unknown, 'storage': stored}.items() %}
{{ 'union all' if not loop.first }}
select
    {{ "'storage'" if own is sameas stored else 'charge_type' }} as charge_type,
    cast({{ own.get('segment', "''") }} as {{ column_type('varchar') }}) as zone
    {%- for name, default in columns.items() %},
    cast({{ own.get(name, default) }} as {{ column_type(types.get(name, 'varchar')) }}) as {{ name }}
    {%- endfor %}
from {{ relation }}
{%- endfor %}
