-- The same method, asked at the end of each of the last months what the month after would cost.
with

forecasts as (

    select
        item_id,
        {{ day_after('date') }} as month,
        units,
        sold_in_28_days,
        lasts,
        price,
        cast(extract(day from {{ day_before(dbt.dateadd('month', 1, day_after('date'))) }}) as bigint) as days
    from {{ ref('int_item_sales_rates') }}
    where months_before > 0

),

compared as (

    select
        forecasts.month,
        coalesce({{ rounded_quotient('forecasts.price * forecasts.unit_day_56ths', 'forecasts.units * 56', 8) }}, 0) as forecast,
        cast(costs.expected_price as decimal(18, 8)) as actual
    from (
        select
            *,
            {{ unit_days('units', 'sold_in_28_days', 'lasts', '1', 'days') }} as unit_day_56ths
        from forecasts
    ) as forecasts
    inner join {{ ref('storage_cost_monthly') }} as costs
        on forecasts.item_id = costs.item_id and forecasts.month = costs.month and forecasts.days = costs.days
    where costs.expected_price is not null

)

select
    count(distinct month) as months,
    {{ rounded_quotient('sum(abs(forecast - actual))', 'sum(actual)', 4) }} as error_by_item,
    {{ rounded_quotient('abs(sum(forecast) - sum(actual))', 'sum(actual)', 4) }} as error_in_all
from compared
