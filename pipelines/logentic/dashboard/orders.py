"""Panels of orders: by status, lines and units, shipping cost, late and stuck orders, and one order."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import altair as alt
import marimo as mo

from logentic.dashboard import charts, filters
from logentic.dashboard.costs import invoice_link, order_link
from logentic.dashboard.panels import Panel, Selection, amount_text, format_value, list_fields
from logentic.dashboard.snapshot import Snapshot
from logentic.reports.humanize import count, words
from logentic.settings import load_settings

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
    order_id, coalesce(external_name, cast(order_id as varchar)) as "order", status,
    case when is_stuck then 'stuck' else 'late' end as state,
    cast(hours_since_last_step / 24 as decimal(18, 1)) as days_since_last_step,
    created_at, picked_at, packed_at, in_transit_at
from order_fulfilment
where
    {WHERE}
    and (is_stuck or is_late and in_transit_at is null and upper(status) not in ('COMPLETED', 'CANCELLED'))
order by days_since_last_step desc, order_id
"""
LISTED = 200
LIST = f"""
select
    order_id, coalesce(external_name, cast(order_id as varchar)) as "order", status, order_type, lines, units,
    city, province_code as province, country_code as country, created_at, updated_at
from orders
where {WHERE} and not is_deleted and ($status::varchar is null or coalesce(status, 'unknown') = $status)
order by created_at desc, order_id desc
limit {LISTED}
"""
KNOWN_STATUSES = """
select coalesce(status, 'unknown') as status from orders where not is_deleted group by all order by count(*) desc
"""
# An order by number or name; if several have the name, the newest.
ORDER = """
select
    orders.order_id, orders.external_name as name, orders.order_type, orders.status, orders.warehouse_id, orders.city,
    orders.province_code as province, orders.country_code as country, orders.lines, orders.units, orders.is_deleted,
    orders.created_at, steps.picked_at, steps.packed_at, steps.in_transit_at, steps.completed_at, orders.updated_at
from orders
left join order_fulfilment as steps using (order_id)
where cast(orders.order_id as varchar) = $order or orders.external_name = $order
order by orders.order_id desc
limit 1
"""
LINES = """
select lines.line_number, lines.sku, items.name as item, lines.quantity, lines.item_id
from order_lines as lines
left join items using (item_id)
where lines.order_id = $found::bigint
order by lines.line_number
"""
CHARGES = """
select
    charges.charge_type, cast(charges.amount as decimal(18, 2)) as amount, charges.start_date, charges.billed_date,
    coalesce(cast(charges.payment_id as varchar), 'none yet') as invoice, checked.status, checked.reason,
    charges.description, charges.charge_id
from charges
left join invoice_reconciliation as checked using (charge_id)
where charges.order_id = $found::bigint and not charges.is_withdrawn
order by charges.start_date, charges.charge_id
"""
COLOURS = {
    "COMPLETED": charts.BLUE,
    "IN_TRANSIT": charts.SKY,
    "PENDING": charts.ORANGE,
    "CANCELLED": charts.GREY,
}


def controls(snapshot: Snapshot, url: filters.Url) -> filters.Elements:
    days = filters.choose_days(snapshot, url, "orders", last=180)
    known = [row["status"] for row in snapshot.query(KNOWN_STATUSES).rows]
    return {
        **days,
        **filters.choose_row(snapshot, url, "warehouse", WAREHOUSES, "Warehouse", everything="All warehouses"),
        **filters.choose_code(url, "status", known, "Orders listed", "All statuses"),
        "order": mo.ui.text(str(url.get("order", "")), label="Order", placeholder="number or name"),
    }


def statuses(snapshot: Snapshot, selection: Selection) -> Panel:
    """Orders by status."""
    result = snapshot.query(STATUSES, **selection)
    found = {row["status"] for row in result.rows}
    known = [status for status in COLOURS if status in found] + sorted(found - set(COLOURS))
    chart = (
        alt.Chart(charts.result_data(result, link=lambda row: _week_link(selection, row["week"], row["status"])))
        .mark_bar()
        .encode(
            charts.week("week"),
            charts.LINK,
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
        links={"week": lambda row: _week_link(selection, row["week"], row["status"])},
    )


def sizes(snapshot: Snapshot, selection: Selection) -> Panel:
    """Lines and units."""
    result = snapshot.query(SIZES, **selection)
    kinds = {"lines": "lines", "units": "units"}
    values = charts.unfold(result, kinds, "week", "what", "count", null_is_zero=True)
    values = [row | {"link": _week_link(selection, row["week"])} for row in values]
    tips = charts.tooltips(week="Week of", what="", count=("Count", ","))
    chart = _lines(values, "what", list(kinds), tips).encode(charts.number("count", "Ordered each week"))
    units, lines = (sum(row[what] or 0 for row in result.rows) for what in ("units", "lines"))
    title = f"{units:,} units were ordered in {lines:,} lines"
    links = {"week": lambda row: _week_link(selection, row["week"])}
    return Panel(title, result, charts.finish(chart, title), name="orders-lines-units", links=links)


def shipping(snapshot: Snapshot, selection: Selection) -> Panel:
    """What shipping costs."""
    result = snapshot.query(SHIPPING, **selection)
    kinds = {"per_order": "per order", "per_unit": "per unit"}
    values = charts.unfold(result, kinds, "month", "what", "cost", null_is_zero=True)

    def link(row: dict[str, Any]) -> str:
        return filters.page_link("costs", "charges", month=row["month"], type="shipping")

    chart = (
        alt.Chart(charts.rows_data([row | {"link": link(row)} for row in values]))
        .mark_bar()
        .encode(
            charts.month("month"),
            charts.LINK,
            charts.number("cost", f"Cost, {load_settings().currency}", ",.2f"),
            xOffset="what:N",
            color=charts.colour("what", list(kinds.values())),
            tooltip=charts.tooltips(month="Month", what="", cost=("Cost", ",.2f")),
        )
    )
    cost, shipped = sum(row["shipping"] for row in result.rows), sum(row["orders"] for row in result.rows)
    title = (
        f"Shipping an order cost {amount_text(cost / shipped)} on average" if shipped else "No shipping was charged yet"
    )
    return Panel(
        title,
        result,
        charts.finish(chart, title),
        "Orders that have a shipping charge, by month of creation.",
        "shipping-cost",
        links={"month": link},
        empty="The cost of shipping, per order and unit, appears here by month.",
    )


def steps(snapshot: Snapshot, selection: Selection) -> Panel:
    """How long each step takes."""
    result = snapshot.query(TIMES, **selection)
    values = charts.unfold(result, STEPS, "week", "step", "hours")
    values = [row | {"link": _week_link(selection, row["week"])} for row in values]
    if not values:
        note = "How long orders take to be picked, packed and handed over appears here, by week."
        return Panel("Ship times are not known for these days", note=note)
    tips = charts.tooltips(week="Week of", step="Step", hours=("Median hours", ",.1f"))
    chart = _lines(values, "step", list(STEPS.values()), tips).encode(charts.number("hours", "Median hours"))
    in_time, known = (sum(row[what] for row in result.rows) for what in ("in_time", "left_or_late"))
    title = f"{in_time:,} of {known:,} orders left in the promised time" if known else "Ship times are not known yet"
    note = "By week of creation. Steps are known from events, and from the states that runs have seen."
    drawn = charts.finish(chart, f"{title}; median hours of each step")
    links = {"week": lambda row: _week_link(selection, row["week"])}
    return Panel(title, result, drawn, note, "order-steps", links=links)


def waiting(snapshot: Snapshot, selection: Selection) -> Panel:
    """Late and stuck orders."""
    result = snapshot.query(WAITING, **selection)
    late = sum(row["state"] == "late" for row in result.rows)
    stuck = result.table.num_rows - late
    title = (
        f"{count(late, 'order')} {'is' if late == 1 else 'are'} late, {stuck:,} {'is' if stuck == 1 else 'are'} stuck"
    )
    note = "Late: not shipped within promised_hours. Stuck: open, without a step for more than stuck_hours."
    return Panel(
        title,
        result,
        note=note,
        name="waiting-orders",
        wide=True,
        links={"order": order_link},
        hidden=("order_id",),
        empty="Orders that are late or stuck are listed here.",
    )


def listed(snapshot: Snapshot, selection: Selection) -> Panel:
    """The selected orders."""
    status = selection.get("status")
    result = snapshot.query(LIST, **selection)
    known = sum(row["orders"] for row in snapshot.query(STATUSES, **selection).rows if status in (None, row["status"]))
    title = f"{count(known, f'{words(status)} order' if status else 'order')} created"
    return Panel(
        f"{title} {selection['start']} to {selection['stop']}" if known else "No orders match",
        result,
        note="The newest 200. A bar above chooses a week and a status." if known > LISTED else "",
        name="orders",
        wide=True,
        links={"order": lambda row: filters.link_here(selection, "order", order=row["order_id"])},
        hidden=("order_id",),
        empty="The orders of the chosen days and status are listed here.",
    )


def order(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """One order."""
    asked = str(selection.get("order") or "").strip()
    if not asked:
        return None
    found = snapshot.query(ORDER, order=asked)
    if not found:
        return Panel(
            f"The account has no order {asked}", note="Type an order's number or name.", name="order", wide=True
        )
    row = found.first_row
    shown = f"Order {row['name'] or row['order_id']}: {words(row['status'] or 'unknown')}"
    return Panel(f"{shown}, {format_value(row['units'], 'units') or 'no'} units", list_fields(found), name="order")


def lines(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """What was ordered."""
    found = snapshot.once(_found, str(selection.get("order") or "").strip())
    if found is None:
        return None
    result = snapshot.query(LINES, found=found)
    links = {"sku": lambda row: filters.page_link("stock", item=row["item_id"])}
    title = f"It has {count(result.table.num_rows, 'line')}"
    return Panel(title, result, name="order-lines", links=links, hidden=("item_id",), empty="Its lines appear here.")


def charged(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """Charges of the order."""
    found = snapshot.once(_found, str(selection.get("order") or "").strip())
    if found is None:
        return None
    result = snapshot.query(CHARGES, found=found)
    total = sum((row["amount"] or 0 for row in result.rows), Decimal(0))
    title = f"{count(result.table.num_rows, 'charge')} for it: {amount_text(total)} before tax"
    links = {"invoice": invoice_link}
    empty = "Its charges appear here."
    return Panel(title, result, name="order-charges", wide=True, links=links, hidden=("charge_id",), empty=empty)


PANELS = (order, lines, charged, statuses, sizes, steps, shipping, waiting, listed)


def _found(snapshot: Snapshot, asked: str) -> int | None:
    rows = snapshot.query(ORDER, order=asked).rows if asked else []
    return rows[0]["order_id"] if rows else None


def _lines(values: list[dict[str, Any]], kind: str, names: list[str], tips: list[alt.Tooltip]) -> Any:
    """Return lines over the weeks; bars if there is only one week."""
    drawn = alt.Chart(charts.rows_data(values)).encode(
        charts.week("week"), charts.LINK, charts.colour(kind, names), tooltip=tips
    )
    if len({row["week"] for row in values}) > 1:
        return drawn.mark_line(point=True, strokeWidth=2).encode(strokeDash=charts.dash(kind, names))
    return drawn.mark_bar().encode(xOffset=alt.XOffset(f"{kind}:N"))


def _week_link(selection: Selection, week: date, status: str | None = None) -> str:
    days = {"from_": week, "to": week + timedelta(6)}
    return filters.link_here(selection, "orders", **days, **({"status": status} if status else {}))
