with

shipped as (

    select
        orders.*,
        orders.shipped_date >= period.start_date as is_open
    from {{ ref('order_facts') }} as orders
    cross join {{ ref('open_period') }} as period
    where
        orders.shipped_date >= {{ dbt.dateadd('day', -90, 'period.start_date') }} and not orders.is_cancelled
        and not orders.is_deleted
        -- What is known of today is not whole.
        and orders.shipped_date < period.today

),

charged as (

    select * from {{ ref('order_charges') }}

),

earlier as (

    select count(*) as orders
    from shipped
    where not is_open

),

-- What nearly all orders of the 90 days before were charged.
usual as (

    select charged.charge_type
    from shipped
    inner join charged on shipped.order_id = charged.order_id
    cross join earlier
    where not shipped.is_open
    group by charged.charge_type
    having count(*) >= 30 and count(*) >= 0.98 * max(earlier.orders)

)

select
    shipped.order_id,
    shipped.shipped_date,
    usual.charge_type,
    prices.expected
from shipped
cross join usual
left join charged on shipped.order_id = charged.order_id and usual.charge_type = charged.charge_type
left join {{ ref('order_prices') }} as prices
    on shipped.order_id = prices.order_id and usual.charge_type = prices.charge_type
where shipped.is_open and charged.order_id is null
