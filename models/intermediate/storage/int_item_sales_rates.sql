-- The stock of each item on the last stored day, and at the end of each of the three months before.
with

last_day as (

    select min(date) as last_date
    from (
        select max(date) as date from {{ ref('storage_cost_daily') }}
        union all
        select {{ day_before('today') }} as date from {{ ref('int_account_today') }}
    ) as ends

),

stands as (

    {%- for months in (0, 1, 2, 3) %}
        select
            {% if months == 0 %}last_date{% else -%}
                {{ day_before(dbt.dateadd('month', 1 - months, "cast(date_trunc('month', " ~ dbt.dateadd('month', -1, 'last_date') ~ ") as date)")) }}
            {%- endif %} as date,
            {{ months }} as months_before
        from last_day
                {{ 'union all' if not loop.last }}
    {%- endfor %}

),

shipments as (

    select
        movements.item_id,
        stands.date,
        sum(movements.quantity) as units
    from {{ ref('stock_movements') }} as movements
    inner join stands
        on
            movements.movement_date > {{ dbt.dateadd('day', -28, 'stands.date') }}
            and movements.movement_date <= stands.date
    where movements.movement_type = 'shipped'
    group by movements.item_id, stands.date

),

sales as (

    select
        stands.months_before,
        stands.date,
        stock.item_id,
        stock.sku,
        cast(greatest(stock.physical, 0) as bigint) as units,
        cast(coalesce(shipments.units, 0) as bigint) as sold_in_28_days,
        cast(costs.volume_cuft as decimal(20, 10)) as volume_cuft,
        cast(costs.expected_price as decimal(20, 10)) as price
    from stands
    inner join {{ ref('stock_daily') }} as stock on stands.date = stock.date
    inner join {{ ref('storage_cost_daily') }} as costs on stock.item_id = costs.item_id and stock.date = costs.date
    left join shipments on stock.item_id = shipments.item_id and stands.date = shipments.date

)

select
    *,
    {{ whole_quotient('28 * units', 'sold_in_28_days') }} as lasts
from sales
