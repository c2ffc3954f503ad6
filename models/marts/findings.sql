{%- set columns = ['kind', 'finding_id', 'charge_type', 'rule', 'item_id', 'warehouse_id', 'payment_id', 'start_date',
    'end_date', 'occurrences', 'amount', 'finding', 'evidence_json'] -%}
with

all_findings as (

    select * from {{ ref('int_price_findings') }}
    union all
    select * from {{ ref('int_storage_findings') }}
    union all
    select * from {{ ref('int_item_size_findings') }}
    union all
    select * from {{ ref('int_shipment_findings') }}
    union all
    select * from {{ ref('int_pattern_findings') }}
    union all
    select * from {{ ref('int_billing_practice_findings') }}
    union all
    select * from {{ ref('int_future_date_findings') }}

)

select
    {{ columns | join(',\n    ') }},
    row_number() over (partition by kind order by size desc, occurrences desc nulls last, finding_id asc) as place
from (
    select
        *,
        abs(coalesce(amount, 0)) as size
    from all_findings
) as measured
