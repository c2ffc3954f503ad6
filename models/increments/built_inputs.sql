-- Built last, after all tables and checks have passed, so that the next build can compare with it.
-- depends_on: {{ ref('stock_ledger_daily') }}, {{ ref('storage_cost_daily') }}
select * from {{ ref('build_inputs') }}
