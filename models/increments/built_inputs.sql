-- Made last, when all tables and their checks have passed: what the next build compares with.
-- depends_on: {{ ref('stock_ledger_daily') }}, {{ ref('storage_cost_daily') }}
select * from {{ ref('build_inputs') }}
