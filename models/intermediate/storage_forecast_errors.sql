-- The same method, asked at the end of each of the last months what the month after would cost.
with

forecasts as (

    select
        item_id,
        {{ day_after('date') }} as month,
        units,
        sold_per_day,
        unit_price,
        extract(day from {{ day_before(dbt.dateadd('month', 1, day_after('date'))) }}) as days
    from {{ ref('storage_rates_of_sale') }}
    where months_before > 0

),

compared as (

    select
        forecasts.month,
        coalesce(
            forecasts.unit_price * {{ unit_days('forecasts.units', 'forecasts.sold_per_day', '1', 'forecasts.days') }},
            0
        )
            as forecast,
        cast(costs.expected_price as double precision) as actual
    from forecasts
    inner join {{ ref('storage_cost_monthly') }} as costs
        on forecasts.item_id = costs.item_id and forecasts.month = costs.month and forecasts.days = costs.days
    where costs.expected_price is not null

)

select
    count(distinct month) as months,
    sum(abs(forecast - actual)) / nullif(sum(actual), 0) as error_by_item,
    abs(sum(forecast) - sum(actual)) / nullif(sum(actual), 0) as error_in_all
from compared
