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
from logentic.reports.exceptions import Finding, read_findings
from logentic.reports.humanize import age
from logentic.reports.status import read_status

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
            "at_stake": finding.amount_at_stake,
            "invoice": str(finding.payment_id or ""),
            "rule": finding.rule,
        }
        for finding in waiting
    ]
    stake = sum((finding.amount_at_stake for finding in waiting), Decimal(0))
    title = f"{amount_text(stake)} can still be disputed" if rows else "Nothing is left to dispute"
    return Panel(
        title, QueryResult.of(rows), note="The page Invoices has the evidence, and sets the status.", name="open"
    )


PANELS = (health.coverage, units, storage, deadlines, health.last_runs)


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
    found = _open_findings(snapshot)
    if not found:
        return [Tile("Open exceptions", "none", "nothing to dispute", "good")]
    stake = sum((finding.amount_at_stake for finding in found), Decimal(0))
    nearest = min((finding.dispute_until for finding in found if finding.dispute_until), default=None)
    until = f", the first to be disputed by {nearest}" if nearest else ""
    return [Tile("Open exceptions", _money(stake), f"{len(found)} charges{until}", "bad")]


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
    "Open exceptions": _exceptions,
}
