with

stands as (

    select * from {{ ref('int_item_sales_rates') }}
    where months_before = 0

),

last_day as (

    select distinct date from stands

),

-- The rest of this month and the next twelve, with their first and last days counted from the last stored day.
months as (

    {%- for month in range(13) %}
    {%- set start = "cast(" ~ dbt.dateadd('month', month, "date_trunc('month', date)") ~ " as date)" %}
    select
        {{ start }} as month,
        greatest({{ dbt.datediff('date', start, 'day') }}, 1) as first_day,
        {{ dbt.datediff('date', "cast(" ~ dbt.dateadd('month', month + 1, "date_trunc('month', date)") ~ " as date)", 'day') }} - 1
            as last_day
    from last_day
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

forecast as (

    select
        stands.*,
        months.month,
        months.last_day - months.first_day + 1 as days,
        greatest(28 * stands.units - stands.sold_in_28_days * (months.first_day - 1), 0) as opening_28ths,
        {{ unit_days(
            'stands.units', 'stands.sold_in_28_days', 'stands.lasts', 'months.first_day', 'months.last_day'
        ) }} as unit_day_56ths,
        greatest(28 * stands.units - 365 * stands.sold_in_28_days, 0) as idle_28ths
    from stands
    cross join months
    where months.last_day >= months.first_day

),

-- Backtest: the same forecast made at the end of each of the last months for the month after it.
earlier_forecasts as (

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
        from earlier_forecasts
    ) as forecasts
    inner join {{ ref('storage_cost_monthly') }} as costs
        on forecasts.item_id = costs.item_id and forecasts.month = costs.month and forecasts.days = costs.days
    where costs.expected_price is not null

),

errors as (

    select
        count(distinct month) as months,
        {{ rounded_quotient('sum(abs(forecast - actual))', 'sum(actual)', 4) }} as error_by_item,
        {{ rounded_quotient('abs(sum(forecast) - sum(actual))', 'sum(actual)', 4) }} as error_in_all
    from compared

)

select
    forecast.item_id,
    forecast.sku,
    forecast.month,
    forecast.days,
    forecast.date as as_of_date,
    {{ rounded_quotient('forecast.opening_28ths', '28', 2) }} as opening_units,
    {{ rounded_quotient('forecast.sold_in_28_days', '28', 4) }} as sold_per_day,
    {{ rounded_quotient(
        'forecast.volume_cuft * forecast.unit_day_56ths', 'forecast.units * forecast.days * 56', 4
    ) }} as average_volume_cuft,
    coalesce({{ rounded_quotient('forecast.price * forecast.unit_day_56ths', 'forecast.units * 56', 2) }}, 0)
        as expected_cost,
    {{ rounded_quotient('forecast.units * 28', 'forecast.sold_in_28_days', 1) }} as days_of_stock,
    forecast.idle_28ths > 0 as is_dead_stock,
    {{ rounded_quotient('forecast.idle_28ths', '28', 2) }} as idle_units,
    coalesce({{ rounded_quotient('forecast.price * forecast.idle_28ths * forecast.days', 'forecast.units * 28', 2) }}, 0)
        as saving_if_cleared,
    'Stock and daily price of the last stored day, units sold as in the 28 days before, nothing received.' as method,
    errors.months as tested_months,
    errors.error_by_item,
    errors.error_in_all
from forecast
cross join errors
