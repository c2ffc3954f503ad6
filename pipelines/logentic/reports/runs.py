"""Print the run history, including runs that published nothing."""

from rich.console import Console

from logentic.audit_log import Row
from logentic.reports.terminal import plain_table

SHOWN = 20
COLUMNS = ("started (UTC)", "outcome", "new", "changed", "removed", "requests", "seconds", "MB")
STEPS = ("load", "build", "publish")


def format_run(row: Row) -> str:
    rows = sum(row.get(f"rows_{kind}") or 0 for kind in ("new", "changed", "removed"))
    text = f"{row['started_at']:%Y-%m-%d %H:%M} UTC, {row['outcome']}"
    if row.get("error"):
        return f"{text}: {row['error']}"
    changes = f"{rows:,} rows new or changed" if rows else "nothing new"
    return f"{text}, {changes}, {row.get('requests') or 0:,} requests"


def print_runs(found: list[Row], console: Console) -> None:
    table = plain_table(None, *COLUMNS, left=2)
    for row in found[-SHOWN:]:
        counts = [f"{row.get(name) or 0:,}" for name in ("rows_new", "rows_changed", "rows_removed", "requests")]
        seconds = sum(row.get(f"{step}_seconds") or 0 for step in STEPS)
        memory = f"{row.get('peak_memory_mb') or 0:,.0f}"
        table.add_row(f"{row['started_at']:%Y-%m-%d %H:%M}", row["outcome"], *counts, f"{seconds:,.1f}", memory)
    console.print(table)
    for row in found[-SHOWN:]:
        if row.get("error"):
            console.print(f"{row['started_at']:%Y-%m-%d %H:%M} {row['outcome']}: {row['error']}")
