"""Panels of orders: by status, lines and units, shipping cost, late and stuck orders."""

import altair as alt

from logentic.dashboard import charts, filters
from logentic.dashboard.panels import Panel, Selection, amount_text
from logentic.dashboard.snapshot import Snapshot

WHERE = """
    cast(created_at as date) between $start and $stop
    and ($warehouse::bigint is null or warehouse_id = $warehouse::bigint)
"""
WAREHOUSES = """
select warehouse_id, 'Warehouse ' || warehouse_id as label from orders where warehouse_id is not null
group by warehouse_id order by warehouse_id
"""
STATUSES = f"""
select cast(date_trunc('week', created_at) as date) as week, coalesce(status, 'unknown') as status, count(*) as orders
from orders
where {WHERE} and not is_deleted
group by all
order by week, status
"""
SIZES = f"""
select cast(date_trunc('week', created_at) as date) as week, count(*) as orders, cast(sum(lines) as bigint) as lines,
    cast(sum(units) as bigint) as units
from orders
where {WHERE} and not is_deleted
group by week
order by week
"""
SHIPPING = f"""
with shipped as (
    select
        strftime(orders.created_at, '%Y-%m') as month, orders.order_id, any_value(orders.units) as units,
        sum(charges.amount) as amount
    from orders
    inner join charges using (order_id)
    where {WHERE.replace("created_at", "orders.created_at")}
        and charges.charge_type = 'shipping' and not charges.is_withdrawn
    group by all
)

select
    month, count(*) as orders, cast(sum(amount) as decimal(18, 2)) as shipping,
    cast(sum(amount) / count(*) as decimal(18, 2)) as per_order,
    cast(sum(amount) / nullif(sum(units), 0) as decimal(18, 2)) as per_unit
from shipped
group by month
order by month
"""
STEPS = {
    "hours_to_pick": "to pick",
    "hours_to_pack": "to pack",
    "hours_to_hand_over": "to hand over",
    "hours_in_transit": "in transit",
}
TIMES = f"""
select
    cast(date_trunc('week', created_at) as date) as week, count(*) as orders,
    {", ".join(f"cast(median({step}) as decimal(18, 2)) as {step}" for step in (*STEPS, "hours_to_leave"))},
    cast(quantile_cont(hours_to_leave, 0.9) as decimal(18, 2)) as p90_hours_to_leave,
    count(hours_to_leave) filter (not is_late) as in_time,
    count(*) filter (hours_to_leave is not null or is_late) as left_or_late
from order_fulfilment
where {WHERE} and upper(status) <> 'CANCELLED'
group by week
order by week
"""
WAITING = f"""
select
    order_id, external_name, status, case when is_stuck then 'stuck' else 'late' end as it_is,
    cast(hours_since_last_step / 24 as decimal(18, 1)) as days_since_last_step,
    created_at, picked_at, packed_at, in_transit_at
from order_fulfilment
where
    {WHERE}
    and (is_stuck or is_late and in_transit_at is null and upper(status) not in ('COMPLETED', 'CANCELLED'))
order by days_since_last_step desc, order_id
"""
COLOURS = {
    "COMPLETED": charts.BLUE,
    "IN_TRANSIT": charts.SKY,
    "PENDING": charts.ORANGE,
    "CANCELLED": charts.GREY,
}


def controls(snapshot: Snapshot, url: filters.Url) -> filters.Elements:
    days = filters.choose_days(snapshot, url, "orders", last=180)
    return {
        **days,
        **filters.choose_row(snapshot, url, "warehouse", WAREHOUSES, "Warehouse", everything="All warehouses"),
    }


def statuses(snapshot: Snapshot, selection: Selection) -> Panel:
    """Orders by status."""
    result = snapshot.query(STATUSES, **selection)
    found = {row["status"] for row in result.rows}
    known = [status for status in COLOURS if status in found] + sorted(found - set(COLOURS))
    chart = (
        alt.Chart(charts.result_data(result))
        .mark_bar()
        .encode(
            charts.week("week"),
            charts.number("orders", "Orders created", stack="zero"),
            charts.colour("status", known, [COLOURS.get(status, charts.PINK) for status in known]),
            tooltip=charts.tooltips(week="Week of", status="Status", orders=("Orders", ",")),
        )
    )
    total = sum(row["orders"] for row in result.rows)
    done = sum(row["orders"] for row in result.rows if row["status"] == "COMPLETED")
    title = f"{done:,} of {total:,} orders are completed"
    return Panel(
        title,
        result,
        charts.finish(chart, f"{title}, by week of creation"),
        "By week of creation and status now.",
        "orders-by-status",
    )


def sizes(snapshot: Snapshot, selection: Selection) -> Panel:
    """Lines and units."""
    result = snapshot.query(SIZES, **selection)
    kinds = {"lines": "lines", "units": "units"}
    values = charts.unfold(result, kinds, "week", "what", "count", null_is_zero=True)
    chart = (
        alt.Chart(charts.rows_data(values))
        .mark_line(point=True, strokeWidth=2)
        .encode(
            charts.week("week"),
            charts.number("count", "Ordered each week"),
            charts.colour("what", list(kinds)),
            strokeDash=charts.dash("what", list(kinds)),
            tooltip=charts.tooltips(week="Week of", what="", count=("Count", ",")),
        )
    )
    units, lines = (sum(row[what] or 0 for row in result.rows) for what in ("units", "lines"))
    title = f"{units:,} units were ordered in {lines:,} lines"
    return Panel(title, result, charts.finish(chart, title), name="orders-lines-units")


def shipping(snapshot: Snapshot, selection: Selection) -> Panel:
    """What shipping costs."""
    result = snapshot.query(SHIPPING, **selection)
    kinds = {"per_order": "per order", "per_unit": "per unit"}
    values = charts.unfold(result, kinds, "month", "what", "cost", null_is_zero=True)
    chart = (
        alt.Chart(charts.rows_data(values))
        .mark_bar()
        .encode(
            charts.month("month"),
            charts.number("cost", "Account's currency", ",.2f"),
            xOffset="what:N",
            color=charts.colour("what", list(kinds.values())),
            tooltip=charts.tooltips(month="Month", what="", cost=("Cost", ",.2f")),
        )
    )
    cost, count = sum(row["shipping"] for row in result.rows), sum(row["orders"] for row in result.rows)
    title = f"Shipping an order cost {amount_text(cost / count)} on average" if count else "What shipping costs"
    return Panel(
        title,
        result,
        charts.finish(chart, title),
        "Orders that have a shipping charge, by month of creation.",
        "shipping-cost",
    )


def steps(snapshot: Snapshot, selection: Selection) -> Panel:
    """How long each step takes."""
    result = snapshot.query(TIMES, **selection)
    values = charts.unfold(result, STEPS, "week", "step", "hours")
    names = list(STEPS.values())
    chart = (
        alt.Chart(charts.rows_data(values))
        .mark_line(point=True, strokeWidth=2)
        .encode(
            charts.week("week"),
            charts.number("hours", "Median hours"),
            charts.colour("step", names),
            strokeDash=charts.dash("step", names),
            tooltip=charts.tooltips(week="Week of", step="Step", hours=("Median hours", ",.1f")),
        )
    )
    in_time, known = (sum(row[what] for row in result.rows) for what in ("in_time", "left_or_late"))
    title = (
        f"{in_time:,} of {known:,} orders left in the promised time" if known else "When orders left is not known yet"
    )
    note = "By week of creation. Steps are known from events, and from the states that runs have seen."
    drawn = charts.finish(chart, f"{title}; median hours of each step") if values else None
    return Panel(title, result, drawn, note, "order-steps")


def waiting(snapshot: Snapshot, selection: Selection) -> Panel:
    """Late and stuck orders."""
    result = snapshot.query(WAITING, **selection)
    late = sum(row["it_is"] == "late" for row in result.rows)
    title = f"{late} orders are late, {result.table.num_rows - late} are stuck"
    note = "Late: not yet left, beyond promised_hours. Stuck: open, and no step taken for more than stuck_hours."
    return Panel(title, result, note=note, name="waiting-orders", wide=True)


PANELS = (statuses, sizes, steps, shipping, waiting)
