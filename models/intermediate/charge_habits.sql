with

completed as (

    select * from {{ ref('completed_orders') }}

),

charged as (

    select
        completed.month,
        completed.kind,
        charges.charge_type,
        count(*) over (partition by completed.month, charges.charge_type) as having_it,
        count(*) over (partition by completed.month, completed.kind, charges.charge_type) as of_kind_having_it,
        charges.amount,
        row_number() over (
            partition by completed.month, completed.kind, charges.charge_type
            order by charges.amount, completed.order_id
        ) as place
    from completed
    inner join {{ ref('order_charges') }} as charges on completed.order_id = charges.order_id

),

peers as (

    select distinct
        month,
        kind,
        count(*) over (partition by month) as orders,
        count(*) over (partition by month, kind) as orders_of_kind
    from completed

)

-- The order that lacks it is none of its own peers. What its kind often goes without (pickups are not shipped) is not
-- missing, however few they are; but a few errors among few must not hide one another.
select
    charged.month,
    charged.kind,
    charged.charge_type,
    charged.having_it,
    peers.orders - 1 as peers,
    charged.amount as median_amount
from charged
inner join peers on charged.month = peers.month and charged.kind = peers.kind
where
    charged.place = cast(floor((charged.of_kind_having_it + 1) / 2.0) as bigint)
    and peers.orders - 1 >= 30
    and charged.having_it >= 0.98 * (peers.orders - 1)
    and charged.of_kind_having_it >= 0.9 * (peers.orders_of_kind - 1)
