with

all_findings as (

    select * from {{ ref('rate_findings') }}
    union all
    select * from {{ ref('storage_findings') }}
    union all
    select * from {{ ref('size_findings') }}
    union all
    select * from {{ ref('shipment_findings') }}
    union all
    select * from {{ ref('pattern_findings') }}
    union all
    select * from {{ ref('period_findings') }}

)

select
    *,
    row_number()
        over (partition by kind order by abs(coalesce(amount, 0)) desc, occurrences desc nulls last, finding_id asc)
        as place
from all_findings
