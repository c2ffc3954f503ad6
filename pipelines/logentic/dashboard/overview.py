"""Panels of the overview: alerts, cost of the month, cost per order, what can be recovered, stock."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from typing import Any

import altair as alt
import duckdb
import marimo as mo

from logentic.currencies import minor_unit
from logentic.dashboard import charts
from logentic.dashboard.costs import CHARGED, MONTHS_SHOWN, NO_INVOICE, invoice_link, order_link, per
from logentic.dashboard.filters import page_link
from logentic.dashboard.panels import Panel, Selection, Tile, amount_text, render_tiles
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.errors import LogenticError
from logentic.reports.costs_to_date import CostsToDate, read_costs_to_date
from logentic.reports.exceptions import OPEN_STATUSES, Finding, read_findings, sum_open_amounts
from logentic.reports.humanize import count, verb
from logentic.reports.item_names import name_items
from logentic.reports.rate_changes import read_rate_changes
from logentic.reports.status import read_status
from logentic.settings import load_settings

Alert = tuple[str, str]  # the link to its subject, and the sentence
COVER_DAYS, SHORT_DAYS, SOON_DAYS = 28, 14, 14
STOCK = """
select
    max(date) as date,
    coalesce(sum(stock.physical), 0) as units,
    cast(sum(stock.physical * items.price) as decimal(18, 2)) as value,
    count(*) filter (where stock.physical > 0 and items.price is null) as without_price
from stock_daily as stock
inner join items using (item_id)
where stock.date = (select max(date) from stock_daily)
"""
# Units shipped per day, counted as in `stock_daily.days_of_cover`.
COVER = f"""
with last as (select max(date) as day from stock_daily),

sold as (
    select item_id, sum(shipped) as units
    from stock_ledger_daily, last
    where date between day - {COVER_DAYS} and day - 1
    group by item_id
)

select
    cast(round(sum(physical) * {COVER_DAYS} / nullif(sum(sold.units), 0)) as bigint) as days,
    count(*) filter (days_of_cover < {SHORT_DAYS} and physical > 0) as short,
    count(*) filter (physical <= 0 and sold.units > 0) as out
from stock_daily
left join sold using (item_id)
where date = (select day from last)
"""
UNITS = """
select date, cast(sum(supply) as bigint) as on_the_shelf, cast(sum(prepared) as bigint) as prepared,
    cast(sum(receiving) as bigint) as receiving
from stock_daily
where date > (select max(date) from stock_daily) - interval 90 day
group by date
order by date
"""
TREND = f"""
with charged as (
    from ({CHARGED})
    where
        coalesce(start_date, billed_date) <= $until::date
        and month >= date_trunc('month', $until::date) - interval {MONTHS_SHOWN - 1} month
        and month >= (select date_trunc('month', min(created_at)) from orders)
),

ordered as (
    select month, count(*) as orders, sum(units) as units
    from (select distinct month, order_id from charged where order_id is not null and amount > 0)
    left join orders using (order_id)
    group by month
)

select
    charged.month, cast(sum(amount) as decimal(18, 2)) as cost, any_value(orders) as orders, any_value(units) as units
from charged
left join ordered using (month)
group by charged.month
order by charged.month
"""
WAITING = """
select count(*) filter (is_stuck) as stuck, count(*) filter (is_late and not is_stuck) as late
from order_fulfilment
where
    is_stuck or is_late and in_transit_at is null and upper(status) not in ('COMPLETED', 'CANCELLED')
"""
FINDINGS = """
select kind, charge_type, count(*) as findings, min_by(finding, place) as finding
from findings
where kind <> 'storage_rate_change'
group by kind, charge_type
order by sum(abs(amount)) desc nulls last, kind, charge_type
"""
STORAGE_FINDINGS = ("storage_", "item_size_")  # prefixes of the kinds of findings that the page Storage lists


def head_tiles(snapshot: Snapshot) -> mo.Html:
    """Return the tiles. If the file lacks the data for one, it shows the reason, and the others are unaffected."""
    found: list[Tile] = []
    for label, make in TILES.items():
        try:
            found += make(snapshot)
        except (duckdb.Error, LogenticError):
            found.append(Tile(label, "unknown", "not in this file yet"))
    return render_tiles(found)


def alerts(snapshot: Snapshot, _: Selection) -> Panel:
    """What needs attention."""
    found = [alert for make in ALERTS for alert in make(snapshot)]
    if not found:
        note = "A new price, a dispute deadline, stock that runs out or a stuck order appears here."
        return Panel("Nothing needs attention", note=note, wide=True)
    lines = "".join(f'<li><a href="{escape(link)}">{escape(said)}</a></li>' for link, said in found)
    verb = "needs" if len(found) == 1 else "need"
    return Panel(
        f"{count(len(found), 'thing')} {verb} attention",
        wide=True,
        extra=(mo.Html(f'<ul class="lg-alerts">{lines}</ul>'),),
    )


def cost_by_type(snapshot: Snapshot, _: Selection) -> Panel:
    """Cost of the month so far."""
    found = snapshot.once(_costs_to_date)
    now, average = found.this_month, found.average_before
    last = next(iter(found.before.values()), {})
    if not found.by_month:
        return Panel("No costs yet", note="The cost of the month appears here with its first charge.")
    periods = {f"{found.until:%B}": now}
    if last:
        periods[f"{next(iter(found.before)):%B}"] = last
    if len(found.before) > 1:
        periods["Average"] = average
    types = sorted({*now, *last, *average}, key=lambda name: (-now.get(name, 0), name))
    rows = [
        {"charge_type": name} | {period: costs.get(name, Decimal(0)) for period, costs in periods.items()}
        for name in types
    ]
    months = dict(zip(periods, (found.until, next(iter(found.before), None)), strict=False))

    def link(row: dict[str, Any]) -> str:
        month = months.get(row.get("period", "")) or found.until
        return page_link("costs", "charges", month=f"{month:%Y-%m}", type=row["charge_type"])

    values = [
        {"charge_type": row["charge_type"], "period": period, "cost": row[period]} for row in rows for period in periods
    ]
    chart = (
        alt.Chart(charts.rows_data([row | {"link": link(row)} for row in values]))
        .mark_bar()
        .encode(
            charts.LINK,
            charts.horizontal("cost", f"Cost, {load_settings().currency}"),
            alt.Y("charge_type:N", sort=None, title=None),
            yOffset=alt.YOffset("period:N", sort=list(periods)),
            color=charts.colour("period", list(periods)),
            tooltip=charts.tooltips(charge_type="Charge type", period="", cost=("Cost", ",.2f")),
        )
    )
    total = _total(now)
    title = f"{_days(found.until)} cost {amount_text(total)}, {_against(found)}"
    note = (
        f"In {load_settings().currency}, before tax, billed or not yet, up to the last whole day;"
        " of other months the same days. Storage counts for the days that have passed."
    )
    return Panel(
        title, QueryResult.of(rows), charts.finish(chart, title), note, "cost-of-the-month", links={"charge_type": link}
    )


def cost_per_order(snapshot: Snapshot, _: Selection) -> Panel:
    """Cost per order and unit."""
    rows = snapshot.once(_trend)
    kinds = {"per_order": "per order", "per_unit": "per unit"}
    if not any(row["per_order"] for row in rows):
        return Panel("No cost per order yet", note="It appears here with the first charge for an order.")
    result = QueryResult.of([{**row, "month": f"{row['month']:%Y-%m}"} for row in rows])
    values = charts.unfold(result, kinds, "month", "what", "cost")

    def link(row: dict[str, Any]) -> str:
        return page_link("costs", month=row["month"])

    chart = (
        alt.Chart(charts.rows_data([row | {"link": link(row)} for row in values]))
        .mark_bar()
        .encode(
            charts.LINK,
            charts.month("month"),
            charts.number("cost", f"Cost, {load_settings().currency}", ",.2f"),
            xOffset=alt.XOffset("what:N", sort=list(kinds.values())),
            color=charts.colour("what", list(kinds.values())),
            tooltip=charts.tooltips(month="Month", what="", cost=("Cost", ",.2f")),
        )
    )
    last = rows[-1]
    each = " and ".join(f"{amount_text(last[name])} {words}" for name, words in kinds.items() if last[name] is not None)
    title = f"{last['month']:%B} costs {each}"
    note = "All costs of the month, storage too, divided by the orders that were charged, and by their units."
    return Panel(title, result, charts.finish(chart, title), note, "cost-per-order", links={"month": link})


def units(snapshot: Snapshot, _: Selection) -> Panel:
    """Units in the building."""
    result = snapshot.query(UNITS)
    kinds = {"on_the_shelf": "on the shelf", "prepared": "prepared", "receiving": "announced or arriving"}
    if not result:
        return Panel("No stock yet", note="The units in the building appear here with the first stock that is read.")
    drawn = alt.Chart(charts.result_data(result))
    chart = (
        (drawn.mark_area(opacity=0.85) if result.table.num_rows > 1 else drawn.mark_bar(size=40))
        .transform_fold(list(kinds), ["kind", "units"])
        .transform_calculate(what=f"{kinds}[datum.kind]")
        .encode(
            charts.day("date"),
            charts.number("units", "Units", stack="zero"),
            charts.colour("what", list(kinds.values())),
            tooltip=charts.tooltips(date="Day", what="", units=("Units", ",")),
        )
    )
    last = result.rows[-1]
    title = f"{last['on_the_shelf'] + last['prepared']:,} units in the building, {last['receiving']:,} on their way"
    drawn = charts.finish(chart, f"{title}, last 90 days")
    links = {"date": lambda row: page_link("stock", from_=row["date"], to=row["date"])}
    return Panel(title, result, drawn, "The last 90 days.", "units", links=links)


def deadlines(snapshot: Snapshot, _: Selection) -> Panel:
    """Exceptions that can still be disputed."""
    waiting = sorted(_open_findings(snapshot), key=lambda finding: (finding.dispute_until or date.max, finding.rule))
    rows = [
        {
            "dispute_until": finding.dispute_until,
            "days_left": finding.days_left,
            "recoverable": finding.recoverable,
            "in_your_favour": finding.in_your_favour,
            "invoice": str(finding.payment_id or NO_INVOICE),
            "rule": finding.rule,
            "of": finding.item or finding.order_name or "",
            "order_id": finding.order_id,
        }
        for finding in waiting
    ]
    amounts = sum_open_amounts(waiting)
    title = f"{amount_text(amounts.recoverable)} can still be disputed" if rows else "Nothing is left to dispute"
    note = "Evidence and decisions are on the page Invoices."
    if not rows:
        note = "Exceptions of invoices appear here, with the last day to dispute each."
    if amounts.in_your_favour_count:
        note = f"{amount_text(amounts.in_your_favour)} in your favour is not included. {note}"
    return Panel(
        title,
        QueryResult.of(rows) if rows else None,
        note=note,
        name="open",
        wide=True,
        links={"invoice": invoice_link, "of": order_link},
        hidden=("order_id",),
    )


PANELS = (alerts, cost_by_type, cost_per_order, deadlines, units)


def _cost(snapshot: Snapshot) -> list[Tile]:
    found = snapshot.once(_costs_to_date)
    if not found.this_month:
        return [Tile("Cost this month", "none", "no charge of the month yet")]
    link = page_link("costs", "charges", month=f"{found.until:%Y-%m}")
    return [Tile(f"Cost, {_days(found.until)}", _money(_total(found.this_month)), _against(found), link=link)]


def _cost_each(snapshot: Snapshot) -> list[Tile]:
    rows = snapshot.once(_trend)[-2:]
    if not rows or rows[-1]["per_order"] is None:
        return [Tile("Cost per order", "none", "no order was charged yet")]
    now, before = rows[-1], rows[0]
    compared = {
        name: f"{_percent(now[name], before[name])} than in {before['month']:%B}"
        for name in ("per_order", "per_unit")
        if len(rows) > 1 and now[name] is not None and (before[name] or 0) > 0
    }
    unit = [f"{_money(now['per_unit'])} per unit"] if now["per_unit"] is not None else []
    note = "; ".join(filter(None, (compared.pop("per_order", ""), ", ".join([*unit, *compared.values()]))))
    return [Tile("Cost per order", _money(now["per_order"]), note, link=page_link("costs", "cost-per-order"))]


def _stock(snapshot: Snapshot) -> list[Tile]:
    found = snapshot.query(STOCK).first_row
    if found["date"] is None:
        return [Tile("Stock", "none", "no stock was read yet")]
    without = f", {found['without_price']} items have no price" if found["without_price"] else ""
    days = snapshot.once(_cover)["days"]
    cover = f"; lasts {count(days, 'day')} as sold lately" if days is not None else ""
    worth = f"worth {_money(found['value'])} on {found['date']}{without}{cover}"
    return [Tile("Stock", f"{found['units']:,} units", worth, link=page_link("stock"))]


def _exceptions(snapshot: Snapshot) -> list[Tile]:
    found = [finding for finding in snapshot.once(_findings) if finding.status in OPEN_STATUSES]
    if not found:
        return [Tile("Open exceptions", "none", "nothing to dispute", "good")]
    amounts, invoices = sum_open_amounts(found), page_link("invoices")
    paid, favour = (count(n, "exception") for n in (amounts.recoverable_count, amounts.in_your_favour_count))
    nearest = min((each.dispute_until for each in _open_findings(snapshot) if each.dispute_until), default=None)
    until = f", the first to be disputed by {nearest}" if nearest else ""
    return [
        Tile("Recoverable", _money(amounts.recoverable), f"{paid}, open or disputed{until}", "bad", invoices),
        Tile(
            "In your favour",
            _money(amounts.in_your_favour),
            f"{favour}: billed too little or not at all",
            link=invoices,
        ),
    ]


def _open_findings(snapshot: Snapshot) -> list[Finding]:
    """Return exceptions without a decision whose deadline has not passed."""
    return [finding for finding in snapshot.once(_findings) if finding.status == "open" and not finding.is_past]


def _findings(snapshot: Snapshot) -> list[Finding]:
    return read_findings(snapshot.file)


def _cover(snapshot: Snapshot) -> dict[str, Any]:
    return snapshot.query(COVER).first_row


def _rate_alerts(snapshot: Snapshot) -> Iterator[Alert]:
    for change in read_rate_changes(snapshot.connection):
        percent = f"{100 * (change.rate / change.rate_before - 1):+.1f} %" if change.rate_before else "no longer 0"
        yearly = f"{abs(change.yearly_cost):,.0f} {load_settings().currency} a year"
        less = " less" if change.yearly_cost < 0 else ""
        yield (
            page_link("storage", "storage-rate"),
            f"Storage rate {percent} since {_day_text(change.since)}: about {yearly}{less}",
        )


def _deadline_alerts(snapshot: Snapshot) -> Iterator[Alert]:
    soon = [
        each
        for each in _open_findings(snapshot)
        if each.recoverable and each.days_left is not None and each.days_left < SOON_DAYS
    ]
    if soon:
        amount = amount_text(sum_open_amounts(soon).recoverable)
        nearest = min(each.dispute_until for each in soon if each.dispute_until)
        yield "#open", f"{amount} recoverable must be disputed within {SOON_DAYS} days, the first by {nearest}"


def _finding_alerts(snapshot: Snapshot) -> Iterator[Alert]:
    rows = snapshot.query(FINDINGS).rows
    for row, said in zip(rows, name_items(snapshot.connection, [row["finding"] for row in rows]), strict=True):
        more = f" And {row['findings'] - 1:,} more like it." if row["findings"] > 1 else ""
        is_storage = row["kind"].startswith(STORAGE_FINDINGS) or row["charge_type"] == "storage"
        yield page_link("storage", "storage-findings") if is_storage else page_link("invoices"), said + more


def _stock_alerts(snapshot: Snapshot) -> Iterator[Alert]:
    found = snapshot.once(_cover)
    if found["out"]:
        yield page_link("stock"), f"{count(found['out'], 'item')} sold lately {verb(found['out'])} out of stock"
    if found["short"]:
        runs = "runs" if found["short"] == 1 else "run"
        yield (
            page_link("stock", "days-of-cover"),
            f"{count(found['short'], 'item')} {runs} out within {SHORT_DAYS} days as sold lately",
        )


def _order_alerts(snapshot: Snapshot) -> Iterator[Alert]:
    found = snapshot.query(WAITING).first_row
    for state in ("late", "stuck"):
        if found[state]:
            yield page_link("orders", "waiting-orders"), f"{count(found[state], 'order')} {verb(found[state])} {state}"


def _data_alerts(snapshot: Snapshot) -> Iterator[Alert]:
    missing = sum(row["incomplete_windows"] for row in read_status(snapshot.file)["resources"].values())
    if missing:
        yield (
            page_link("data health", "receipts"),
            f"{count(missing, 'date range')} {verb(missing)} incomplete: figures may still change",
        )


def _costs_to_date(snapshot: Snapshot) -> CostsToDate:
    until = snapshot.today - timedelta(1)
    return read_costs_to_date(snapshot.connection, until, minor_unit(load_settings().currency))


def _trend(snapshot: Snapshot) -> list[dict[str, Any]]:
    rows = snapshot.query(TREND, until=snapshot.today - timedelta(1)).rows
    return [
        row
        | {f"per_{name}": per(row["cost"], row[f"{name}s"]) if row[f"{name}s"] else None for name in ("order", "unit")}
        for row in rows
    ]


def _against(found: CostsToDate) -> str:
    """Compare the month so far with the same days of the months before it."""
    now = _total(found.this_month)
    words = [
        f"{_percent(now, _total(costs))} than {name}"
        for name, costs in (
            (f"the same days of {_month_before(found.until):%B}", found.before.get(_month_before(found.until))),
            (
                f"the average of the last {len(found.before)} months",
                found.average_before if len(found.before) > 1 else None,
            ),
        )
        if costs and _total(costs) > 0
    ]
    return ", ".join(words) or "no month before to compare with"


def _percent(now: Decimal, before: Decimal) -> str:
    percent = round(100 * (now - before) / before, 1)
    return f"{abs(percent)} % {'less' if percent < 0 else 'more'}"


def _total(costs: dict[str, Decimal]) -> Decimal:
    return sum(costs.values(), Decimal(0))


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(1)).replace(day=1)


def _days(until: date) -> str:
    return f"1 {until:%B}" if until.day == 1 else f"1 to {until.day} {until:%B}"


def _day_text(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _money(amount: Decimal | None) -> str:
    return "unknown" if amount is None else amount_text(amount)


TILES: dict[str, Callable[[Snapshot], list[Tile]]] = {
    "Cost this month": _cost,
    "Cost per order": _cost_each,
    "Open exceptions": _exceptions,
    "Stock": _stock,
}
ALERTS = (_data_alerts, _deadline_alerts, _rate_alerts, _finding_alerts, _stock_alerts, _order_alerts)
