"""What FILE holds and how fresh it is.

In: FILE or another destination, read only, and the receipts that runs without news have held back beside it. Out: per
resource the covered days, last success, rows and incomplete windows. Next: cli.py prints it.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text

from logentic.database_file import read_by_duckdb
from logentic.held import held_receipts
from logentic.history import runs
from logentic.places import place_of
from logentic.reports.ages import age
from logentic.reports.published import open_published
from logentic.reports.runs import line_of
from logentic.schemas import RECEIPTS as RECEIPT_COLUMNS
from logentic.settings import Settings
from logentic.state import State
from logentic.stored import Query, RawFile, Stored
from logentic.versions import in_memory

LOADED = """
select resource, window_start, window_end, finished_at, is_complete from {extract_windows}
where _dlt_load_id in (select load_id from {_dlt_loads} where status = 0)
"""
RECEIPTS = """
with last_read as (
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
RECEIPTS_SCHEMA = pa.schema(
    [RECEIPT_COLUMNS.field(n) for n in ("resource", "window_start", "window_end", "finished_at", "is_complete")]
)
BAR_WIDTH = 8
# The first day of which each resource says something.
FIRST_DAY = {
    "orders": "min(coalesce(created_at, updated_at))::date",
    "item_quantities": "min(updated_at)::date",
    "inventory_history": "min(date)",
    "payment_items": "min(start)",
}


def read_status(file: Path, settings: Settings | None = None) -> dict[str, Any]:
    """Of FILE; where the settings name another destination, of that, and FILE is the name of its state folder."""
    state = State(file.absolute())
    if settings is None or settings.destination == "duckdb":
        open_published(file).close()
        raw: Query = RawFile(read_by_duckdb(state.file))
        what, size = str(file), file.stat().st_size
    else:
        place = place_of(settings, state)
        place.require_loaded()
        raw, what, size = place.raw(), place.what, None
    try:
        resources = _resources(raw, state)
    finally:
        raw.close()
    last_run = next(reversed(runs(state)), {})
    return {"file": what, "bytes": size, "last_run": last_run, "resources": resources}


def _resources(raw: Query, state: State) -> dict[str, dict[str, Any]]:
    """A run that found nothing new is known to the state folder only."""
    loaded = raw(LOADED)
    held = held_receipts(state, Stored(raw).loads())
    with in_memory() as memory:
        receipts = [*(loaded.to_pylist() if loaded else []), *held]
        memory.register("receipts", pa.Table.from_pylist(receipts, RECEIPTS_SCHEMA))
        found = {row["resource"]: row for row in memory.sql(RECEIPTS).to_arrow_table().to_pylist()}
    for name, row in found.items():
        counted = raw(f"select count(*) as versions, {FIRST_DAY.get(name, 'null')} as first_day from {{{name}}}")
        row.pop("resource")
        row.update(counted.to_pylist()[0] if counted else {"versions": 0, "first_day": None})
    return found


def show(found: dict[str, Any], console: Console) -> None:
    """Print the status as a table."""
    size = f" ({found['bytes'] / 1e6:,.1f} MB)" if found["bytes"] else ""
    table = Table(title=found["file"] + size, title_justify="left", box=None, padding=(0, 1, 0, 0))
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
