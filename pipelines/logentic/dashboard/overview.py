"""Panels of the overview: data status, stock, storage cost, open actions."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import altair as alt
import duckdb
import marimo as mo

from logentic.dashboard import charts, health
from logentic.dashboard.panels import Panel, Selection, Tile, amount_text, render_tiles
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.errors import LogenticError
from logentic.reports.exceptions import OPEN_STATUSES, Finding, read_findings, sum_open_amounts
from logentic.reports.humanize import age, count
from logentic.reports.rate_changes import read_rate_changes
from logentic.reports.status import read_status
from logentic.settings import load_settings

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
# The same number of days of both months, so that a partial month is not compared with a full one.
STORAGE = """
with last as (select max(date) as day from storage_cost_daily)

select
    cast(sum(expected_price) filter (where date >= date_trunc('month', day)) as decimal(18, 2)) as this_month,
    cast(sum(expected_price) filter (
        where date < date_trunc('month', day) and date <= day - interval 1 month
    ) as decimal(18, 2)) as last_month,
    max(day) as day
from storage_cost_daily, last
where date >= date_trunc('month', day) - interval 1 month
"""
UNITS = """
select date, cast(sum(supply) as bigint) as on_the_shelf, cast(sum(prepared) as bigint) as prepared,
    cast(sum(receiving) as bigint) as receiving
from stock_daily
where date > (select max(date) from stock_daily) - interval 90 day
group by date
order by date
"""
MONTHS = """
select strftime(month, '%Y-%m') as month, cast(sum(billed + not_yet_billed) as decimal(18, 2)) as charged
from storage_cost_monthly
group by month
order by month desc
limit 12
"""


def head_tiles(snapshot: Snapshot) -> mo.Html:
    """Return the tiles; one that this file has no data for says so, and the others still show."""
    found: list[Tile] = []
    for label, make in TILES.items():
        try:
            found += make(snapshot)
        except (duckdb.Error, LogenticError):
            found.append(Tile(label, "unknown", "this file does not say yet"))
    return render_tiles(found)


def units(snapshot: Snapshot, _: Selection) -> Panel:
    """Units in the building."""
    result = snapshot.query(UNITS)
    kinds = {"on_the_shelf": "on the shelf", "prepared": "prepared", "receiving": "announced or arriving"}
    chart = (
        alt.Chart(charts.result_data(result))
        .transform_fold(list(kinds), ["kind", "units"])
        .transform_calculate(what=f"{kinds}[datum.kind]")
        .mark_area(opacity=0.85)
        .encode(
            charts.day("date"),
            charts.number("units", "Units", stack="zero"),
            charts.colour("what", list(kinds.values())),
            tooltip=charts.tooltips(date="Day", what="", units=("Units", ",")),
        )
    )
    title = "Units in the building and on their way, last 90 days"
    return Panel(title, result, charts.finish(chart, title), name="units")


def storage(snapshot: Snapshot, _: Selection) -> Panel:
    """Storage cost by month."""
    result = snapshot.query(MONTHS)
    chart = (
        alt.Chart(charts.result_data(result))
        .mark_bar(color=charts.BLUE)
        .encode(
            charts.month("month"),
            charts.number("charged", "Account's currency"),
            tooltip=charts.tooltips(month="Month", charged=("Charged", ",.2f")),
        )
    )
    title = "Storage charged by month, billed or not yet"
    return Panel(title, result, charts.finish(chart, title), name="storage-by-month")


def deadlines(snapshot: Snapshot, _: Selection) -> Panel:
    """What can still be disputed."""
    waiting = sorted(_open_findings(snapshot), key=lambda finding: (finding.dispute_until or date.max, finding.rule))
    rows = [
        {
            "dispute_until": finding.dispute_until,
            "days_left": finding.days_left,
            "recoverable": finding.recoverable,
            "in_your_favour": finding.in_your_favour,
            "invoice": str(finding.payment_id or ""),
            "rule": finding.rule,
        }
        for finding in waiting
    ]
    amounts = sum_open_amounts(waiting)
    title = f"{amount_text(amounts.recoverable)} can still be disputed" if rows else "Nothing is left to dispute"
    note = "The page Invoices has the evidence, and sets the status."
    if amounts.in_your_favour_count:
        note = f"{amount_text(amounts.in_your_favour)} in your favour is not part of it. {note}"
    return Panel(title, QueryResult.of(rows), note=note, name="open")


def rate_changes(snapshot: Snapshot, _: Selection) -> Panel:
    """Changes of the storage rate."""
    found = read_rate_changes(snapshot.connection)
    rows = [
        {"since": change.since, "a_year": change.yearly_cost, "a_month": change.monthly_cost, "finding": change.finding}
        for change in found
    ]
    if not found:
        return Panel("The storage rate has not changed", QueryResult.of(rows), name="storage-rate-changes")
    title = f"Storage costs {found[-1].cost(load_settings().currency)} since {found[-1].since}"
    note = "A new rate, at the volume of its first day. Was it agreed?"
    return Panel(title, QueryResult.of(rows), note=note, name="storage-rate-changes", wide=True)


PANELS = (health.coverage, units, storage, deadlines, rate_changes, health.last_runs)


def _freshness(snapshot: Snapshot) -> list[Tile]:
    status = read_status(snapshot.file)
    read = [row["last_success"] for row in status["resources"].values() if row["last_success"]]
    missing = sum(row["incomplete_windows"] for row in status["resources"].values())
    run = status["last_run"].get("service_time")
    last = run or max(read, default=None)
    never = Tile("Last run", "never", "logentic run", "bad")
    fresh = Tile("Last run", age(last, datetime.now(UTC)), f"{last:%Y-%m-%d %H:%M} UTC") if last else never
    whole = "Every receipt adds up" if not missing else "asked for again by the next run"
    return [fresh, Tile("Incomplete windows", str(missing), whole, "bad" if missing else "good")]


def _stock(snapshot: Snapshot) -> list[Tile]:
    found = snapshot.query(STOCK).first_row
    if found["date"] is None:
        return [Tile("Stock", "none", "no stock was read yet")]
    without = f", {found['without_price']} items have no price" if found["without_price"] else ""
    return [
        Tile("Stock", f"{found['units']:,} units", f"worth {_money(found['value'])} on {found['date']}{without}"),
    ]


def _storage(snapshot: Snapshot) -> list[Tile]:
    found = snapshot.query(STORAGE).first_row
    if found["this_month"] is None:
        return [Tile("Storage this month", "unknown", "the account shows no prices")]
    return [
        Tile("Storage this month", _money(found["this_month"]), _against(found["this_month"], found["last_month"])),
    ]


def _exceptions(snapshot: Snapshot) -> list[Tile]:
    found = [finding for finding in read_findings(snapshot.file) if finding.status in OPEN_STATUSES]
    if not found:
        return [Tile("Open exceptions", "none", "nothing to dispute", "good")]
    amounts = sum_open_amounts(found)
    paid, favour = (count(n, "exception") for n in (amounts.recoverable_count, amounts.in_your_favour_count))
    nearest = min((each.dispute_until for each in _open_findings(snapshot) if each.dispute_until), default=None)
    until = f", the first to be disputed by {nearest}" if nearest else ""
    return [
        Tile("Recoverable", _money(amounts.recoverable), f"{paid}, open or disputed{until}", "bad"),
        Tile("In your favour", _money(amounts.in_your_favour), f"{favour}: billed too little or not at all"),
    ]


def _rate_change(snapshot: Snapshot) -> list[Tile]:
    found = read_rate_changes(snapshot.connection)
    return [Tile("Storage rate", found[-1].cost(load_settings().currency), found[-1].words)] if found else []


def _open_findings(snapshot: Snapshot) -> list[Finding]:
    """Of which nobody has said anything yet, and it is not too late."""
    return [finding for finding in read_findings(snapshot.file, status="open") if not finding.is_past]


def _against(now: Decimal, before: Decimal | None) -> str:
    if not before:
        return "no month before to compare with"
    percent = int((now - before) / before * 100)
    return f"{abs(percent)} % {'more' if percent >= 0 else 'less'} than in as many days of last month"


def _money(amount: Decimal | None) -> str:
    return "unknown" if amount is None else amount_text(amount)


TILES: dict[str, Callable[[Snapshot], list[Tile]]] = {
    "Last run": _freshness,
    "Stock": _stock,
    "Storage this month": _storage,
    "Storage rate": _rate_change,
    "Open exceptions": _exceptions,
}
