with

stands as (

    select * from {{ ref('storage_rates_of_sale') }}
    where months_before = 0

),

-- The rest of this month, and the twelve after it: from which day to which, counted from the last stored day.
months as (

    {%- for month in range(13) %}
    {%- set start = "cast(" ~ dbt.dateadd('month', month, "date_trunc('month', date)") ~ " as date)" %}
    select distinct
        {{ start }} as month,
        greatest({{ dbt.datediff('date', start, 'day') }}, 1) as first_day,
        {{ dbt.datediff('date', "cast(" ~ dbt.dateadd('month', month + 1, "date_trunc('month', date)") ~ " as date)", 'day') }} - 1
            as last_day
    from stands
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

forecast as (

    select
        stands.*,
        months.month,
        months.last_day - months.first_day + 1 as days,
        greatest(stands.units - stands.sold_per_day * (months.first_day - 1), 0) as opening_units,
        {{ unit_days('stands.units', 'stands.sold_per_day', 'months.first_day', 'months.last_day') }} as unit_days,
        greatest(stands.units - 365 * stands.sold_per_day, 0) as idle_units
    from stands
    cross join months
    where months.last_day >= months.first_day

)

select
    forecast.item_id,
    forecast.sku,
    forecast.month,
    forecast.days,
    forecast.date as as_of_date,
    cast(round(forecast.opening_units, 2) as decimal(18, 2)) as opening_units,
    cast(round(forecast.sold_per_day, 4) as decimal(18, 4)) as sold_per_day,
    cast(round(forecast.unit_volume_cuft * forecast.unit_days / forecast.days, 4) as decimal(18, 4)) as average_volume_cuft,
    cast(round(coalesce(forecast.unit_price * forecast.unit_days, 0), 2) as decimal(18, 2)) as expected_cost,
    cast(round(forecast.units / nullif(forecast.sold_per_day, 0), 1) as decimal(18, 1)) as days_of_stock,
    forecast.idle_units > 0 as is_dead_stock,
    cast(round(forecast.idle_units, 2) as decimal(18, 2)) as idle_units,
    cast(round(coalesce(forecast.unit_price * forecast.idle_units * forecast.days, 0), 2) as decimal(18, 2)) as saving_if_cleared,
    'Stock and daily price of the last stored day, units sold as in the 28 days before, nothing received.' as method,
    errors.months as tested_months,
    cast(round(errors.error_by_item, 4) as decimal(18, 4)) as error_by_item,
    cast(round(errors.error_in_all, 4) as decimal(18, 4)) as error_in_all
from forecast
cross join {{ ref('storage_forecast_errors') }} as errors
