"""What became of the events: waiting, read, dead; and how to have the dead ones asked for again.

In: FILE, read only, and the queue beside it. Out: a table on the screen, or JSON. Next: event_commands.py prints it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from logentic.event_inbox import Inbox
from logentic.reports.published import open_published
from logentic.state import State

COLUMNS = ("event_id", "order_id", "topic", "received_at", "outcome", "attempts", "reason")
TABLE = "logentic_marts.order_events"
SHOWN = 20


@dataclass(frozen=True)
class Events:
    """Of FILE, by outcome; `queued` are those that no run has taken yet. `rows` are the newest."""

    queued: int
    counts: dict[str, int]
    rows: list[dict[str, Any]]


def read_events_of(file: Path, *, only_dead: bool = False) -> Events:
    """The events that FILE holds, newest first, and how many wait beside it."""
    where = "where outcome = 'dead'" if only_dead else ""
    with open_published(file) as published:
        try:
            counts = published.execute(
                "select outcome, count(*) from logentic_marts.order_events group by 1"
            ).fetchall()
            rows = published.execute(
                f"select {', '.join(COLUMNS)} from logentic_marts.order_events {where} order by received_at desc"
            ).fetchall()
        except duckdb.CatalogException:
            counts, rows = [], []
    queued = len(Inbox(State(file.absolute())).fresh())
    return Events(queued, dict(counts), [dict(zip(COLUMNS, row, strict=True)) for row in rows])


def have_retried(file: Path, events: Events) -> int:
    """The next run asks for the orders of the dead ones again."""
    dead = [row["event_id"] for row in events.rows if row["outcome"] == "dead"]
    Inbox(State(file.absolute())).retry(dead)
    return len(dead)


def as_dict(events: Events) -> dict[str, Any]:
    return {"queued": events.queued, "outcomes": events.counts, "events": events.rows}


def show(events: Events, console: Console) -> None:
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(events.counts.items()))
    console.print(f"{events.queued:,} wait for the next run; in the file: {counts or 'none'}")
    if not events.rows:
        return
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in COLUMNS[1:]:
        table.add_column(name, justify="right" if name in ("order_id", "attempts") else "left")
    for row in events.rows[:SHOWN]:
        received = f"{row['received_at']:%Y-%m-%d %H:%M}"
        table.add_row(*(str(received if name == "received_at" else row[name] or "") for name in COLUMNS[1:]))
    console.print(table)
    if len(events.rows) > SHOWN:
        console.print(f"… and {len(events.rows) - SHOWN:,} more: --json, or select * from order_events")
