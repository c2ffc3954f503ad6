"""Read and print the data status: how recent and how complete the data is."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from logentic.database_file import read_by_duckdb
from logentic.destinations.base import destination_class, destination_of
from logentic.destinations.duckdb import RawFile
from logentic.extract.acceptance import accepted_spans, open_windows
from logentic.extract.stored_records import Query, Stored, receipt_of
from logentic.extract.windows import SECOND
from logentic.load.loader import read_deferred_receipts
from logentic.monitoring.run_history import read_runs
from logentic.reports.humanize import age
from logentic.reports.published_file import open_published
from logentic.reports.runs import format_run
from logentic.reports.summary import rejected_line
from logentic.reports.terminal import plain_table
from logentic.resources import RESOURCES
from logentic.settings import Settings
from logentic.state import State

BAR_WIDTH = 8


def read_status(file: Path, settings: Settings | None = None) -> dict[str, Any]:
    """Return the status of FILE, or of the configured destination, whose state folder is named after FILE."""
    state = State(file.absolute())
    if settings is None or destination_class(settings).publishes_file:
        open_published(file).close()
        raw: Query = RawFile(read_by_duckdb(state.file))
        what, size = str(file), file.stat().st_size
    else:
        destination = destination_of(settings, state)
        destination.require_loaded()
        raw, what, size = destination.raw(), destination.name, None
    try:
        resources = _resources(raw, state)
        rejected = len(Stored(raw).open_rejections())
    finally:
        raw.close()
    last_run = next(reversed(read_runs(state)), {})
    return {"file": what, "bytes": size, "last_run": last_run, "resources": resources, "rejected_values": rejected}


def _resources(raw: Query, state: State) -> dict[str, dict[str, Any]]:
    """Return the status of each resource; deferred receipts of runs without changes count."""
    stored = Stored(raw)
    receipts = [*stored.receipts(), *map(receipt_of, read_deferred_receipts(state, stored.loads()))]
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({receipt.resource for receipt in receipts}):
        mine = [receipt for receipt in receipts if receipt.resource == name]
        covered = [receipt for receipt in mine if receipt.is_covered]
        found[name] = {
            "last_day": max((receipt.span[1] - SECOND for receipt in covered), default=None),
            "last_success": max((receipt.finished_at for receipt in covered), default=None),
            "windows": len(mine),
            "incomplete_windows": len(open_windows(mine)),
            "accepted_windows": len(accepted_spans(mine)),
        }
    for row in found.values():
        row["last_day"] = row["last_day"] and row["last_day"].date()
    for name, row in found.items():
        counted = raw(f"select count(*) as versions, {_first_day(name)} as first_day from {{{name}}}")
        row.update(counted.to_pylist()[0] if counted else {"versions": 0, "first_day": None})
    return found


def _first_day(name: str) -> str:
    """Return SQL for the first day with records of a resource."""
    resource = RESOURCES.get(name)  # None: loaded by another version
    columns = resource and (resource.first_day_columns or resource.window.columns[:1])
    return f"min(coalesce({', '.join(columns)}))::date" if columns else "null"


def print_status(found: dict[str, Any], console: Console) -> None:
    size = f" ({found['bytes'] / 1e6:,.1f} MB)" if found["bytes"] else ""
    table = plain_table(found["file"] + size, "", "from", "covered", "to", "last read", "versions", "gaps")
    now = datetime.now(UTC)
    known = [day for row in found["resources"].values() for day in (row["first_day"], row["last_day"]) if day]
    for name, row in found["resources"].items():
        last_read = age(row["last_success"], now) if row["last_success"] else "never"
        days = (str(row["first_day"] or ""), _bar(row, known), str(row["last_day"] or ""))
        missing = row["incomplete_windows"]
        incomplete = Text(str(missing), style="bold red" if missing else "green")
        table.add_row(name, *days, last_read, f"{row['versions']:,}", incomplete)
    console.print(table)
    for name, row in found["resources"].items():
        if accepted := row["accepted_windows"]:
            windows = "1 window is" if accepted == 1 else f"{accepted} windows are"
            console.print(f"{name}: {windows} accepted: the announced total never equals the rows that are shown")
    if found["rejected_values"]:
        console.print(Text(rejected_line(found["rejected_values"]), style="red"), soft_wrap=True)
    if run := found["last_run"]:
        console.print(f"last run {age(run['started_at'], now)}: {format_run(run)}")


def _bar(row: dict[str, Any], known: list[date]) -> Text:
    """Return a bar of the covered days among all days that any resource covers; red if windows are incomplete."""
    if not row["first_day"] or not row["last_day"]:
        return Text("")
    first, days = min(known), (max(known) - min(known)).days + 1
    start = BAR_WIDTH * (row["first_day"] - first).days // days
    stop = max(-(-BAR_WIDTH * ((row["last_day"] - first).days + 1) // days), start + 1)
    filled = "░" * start + "█" * (stop - start) + "░" * (BAR_WIDTH - stop)
    return Text(filled, style="red" if row["incomplete_windows"] else "green")
