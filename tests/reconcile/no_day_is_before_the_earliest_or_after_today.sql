-- No row of a table of days is of a day before earliest_date or after the service's today.
{% set tables = [
    ('stock_daily', 'date'), ('stock_ledger_daily', 'date'), ('stock_ledger_breaks', 'date'),
    ('stock_movements', 'movement_date'), ('storage_cost_daily', 'date'), ('storage_cost_monthly', 'last_date'),
    ('fulfilment_daily', 'date')
] -%}
with

days as (

    {%- for table, day in tables %}
        select
            '{{ table }}' as mart,
            min({{ day }}) as first_date,
            max({{ day }}) as last_date
        from {{ ref(table) }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select days.*
from days
cross join {{ ref('int_account_today') }} as service
where days.last_date > service.today or days.first_date < {{ setting('earliest_date') }}
