"""What FILE holds and how fresh it is.

In: FILE, read only, and the receipts that runs without news have held back beside it. Out: per resource the covered
days, last success, rows and incomplete windows. Next: cli.py prints it.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from logentic.held import held_receipts
from logentic.history import runs
from logentic.reports.ages import age
from logentic.reports.published import open_published
from logentic.reports.runs import line_of
from logentic.state import State

RECEIPTS = """
with receipts as (
    select resource, window_start, window_end, finished_at, is_complete from logentic_raw.extract_windows
    where _dlt_load_id in (select load_id from logentic_raw._dlt_loads where status = 0)
    union all
    select * from held
),

last_read as (
    -- a window that was incomplete is mended by a later complete one that covers it
    select
        early.*,
        not early.is_complete and not exists (
            select 1 from receipts as late
            where
                late.resource = early.resource and late.is_complete and late.finished_at > early.finished_at
                and late.window_start <= early.window_start and late.window_end >= early.window_end
        ) as is_open
    from receipts as early
)

select
    resource,
    max(window_end - interval 1 second) filter (where is_complete)::date as last_day,
    max(finished_at) filter (where is_complete) as last_success,
    count(*) as windows,
    count(*) filter (where is_open) as incomplete_windows
from last_read
group by resource
order by resource
"""
HELD = """
create temp table held
(resource varchar, window_start timestamptz, window_end timestamptz, finished_at timestamptz, is_complete boolean)
"""
BAR_WIDTH = 8
# The first day of which each resource says something.
FIRST_DAY = {
    "orders": "min(coalesce(created_at, updated_at))::date",
    "item_quantities": "min(updated_at)::date",
    "inventory_history": "min(date)",
    "payment_items": "min(start)",
}


def read_status(file: Path) -> dict[str, Any]:
    state = State(file.absolute())
    with open_published(file) as published:
        _take_in_held(published, state)
        cursor = published.execute(RECEIPTS)
        names = [column[0] for column in cursor.description or ()]
        resources = {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in cursor.fetchall()}
        for name, found in resources.items():
            counted = f'select count(*), {FIRST_DAY.get(name, "null")} from logentic_raw."{name}"'
            found["versions"], found["first_day"] = published.execute(counted).fetchone() or (0, None)
    last_run = next(reversed(runs(state)), {})
    return {"file": str(file), "bytes": file.stat().st_size, "last_run": last_run, "resources": resources}


def _take_in_held(published: duckdb.DuckDBPyConnection, state: State) -> None:
    """A run that found nothing new is known to the state folder only."""
    published.execute(HELD)
    loads = published.execute("select load_id from logentic_raw._dlt_loads where status = 0").fetchall()
    names = ("resource", "window_start", "window_end", "finished_at", "is_complete")
    rows = [[row[name] for name in names] for row in held_receipts(state, [load_id for (load_id,) in loads])]
    if rows:
        published.executemany("insert into held values (?, ?, ?, ?, ?)", rows)


def show(found: dict[str, Any], console: Console) -> None:
    """Print the status as a table."""
    table = Table(
        title=f"{found['file']} ({found['bytes'] / 1e6:,.1f} MB)", title_justify="left", box=None, padding=(0, 1, 0, 0)
    )
    for name in ("", "from", "covered", "to", "last read", "versions", "gaps"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    now = datetime.now(UTC)
    known = [day for row in found["resources"].values() for day in (row["first_day"], row["last_day"]) if day]
    for name, row in found["resources"].items():
        last_read = age(row["last_success"], now) if row["last_success"] else "never"
        days = (str(row["first_day"] or ""), _bar(row, known), str(row["last_day"] or ""))
        missing = row["incomplete_windows"]
        incomplete = Text(str(missing), style="bold red" if missing else "green")
        table.add_row(name, *days, last_read, f"{row['versions']:,}", incomplete)
    console.print(table)
    if run := found["last_run"]:
        console.print(f"last run {age(run['started_at'], now)}: {line_of(run)}")


def _bar(row: dict[str, Any], known: list[date]) -> Text:
    """The days that are covered, among all days that any resource covers; the colour says no more than the count."""
    if not row["first_day"] or not row["last_day"]:
        return Text("")
    first, days = min(known), (max(known) - min(known)).days + 1
    start = BAR_WIDTH * (row["first_day"] - first).days // days
    stop = max(-(-BAR_WIDTH * ((row["last_day"] - first).days + 1) // days), start + 1)
    filled = "░" * start + "█" * (stop - start) + "░" * (BAR_WIDTH - stop)
    return Text(filled, style="red" if row["incomplete_windows"] else "green")
