"""List received events with their outcome, and request retries of dead ones."""

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from logentic.audit_log import Row
from logentic.destinations.base import destination_class
from logentic.events.event import Event
from logentic.events.inbox import EventInbox
from logentic.reports.published_file import open_published
from logentic.settings import load_settings
from logentic.state import State

COLUMNS = ("event_id", "order_id", "topic", "received_at", "outcome", "attempts", "topic_mismatch", "reason")
TABLE = "logentic_marts.order_events"
QUEUED = "queued"
MISMATCH = "the body names another step than the topic"
SHOWN = 20


@dataclass(frozen=True)
class Events:
    """Counts by outcome, and rows: queued events first, then FILE's. `queued` counts events that no run has read."""

    queued: int
    counts: dict[str, int]
    rows: list[dict[str, Any]]


def read_event_list(file: Path, *, only_dead: bool = False) -> Events:
    """Return the events of FILE, newest first, and the queued ones."""
    state = State(file)
    unread = EventInbox(state).read_new()
    # Before the first run there may be a queue without a file. Other destinations store the events of their runs
    # themselves.
    if state.file.exists() or not (unread or destination_class(load_settings()).publishes_file):
        counts, rows, known = _published(file, [event.event_id for event in unread], only_dead=only_dead)
    else:
        counts, rows, known = {}, [], set()
    queued = [event for event in unread if event.event_id not in known]
    if not only_dead:
        rows = [*map(_queued_row, reversed(queued)), *rows]
    return Events(len(queued), counts, rows)


def _published(file: Path, unread: list[str], *, only_dead: bool) -> tuple[dict[str, int], list[Row], set[str]]:
    """Return counts by outcome, rows, and the ids of queued events that FILE already has."""
    where = "where outcome = 'dead'" if only_dead else ""
    with open_published(file) as published:
        try:
            counts = published.execute(f"select outcome, count(*) from {TABLE} group by 1").fetchall()
            found = published.execute(f"select * from {TABLE} {where} order by received_at desc")
            names = [column[0] for column in found.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
            known = published.execute(
                f"select event_id from {TABLE} where event_id in (select unnest(?))", [unread]
            ).fetchall()
        except duckdb.CatalogException:
            return {}, [], set()
    return dict(counts), [{name: row.get(name) for name in COLUMNS} for row in rows], {row[0] for row in known}


def _queued_row(event: Event) -> Row:
    shown = {name: getattr(event, name, None) for name in COLUMNS}
    return {**shown, "received_at": event.received_at.astimezone(UTC), "outcome": QUEUED, "attempts": 0}


def request_retries(file: Path, events: Events) -> int:
    """Have the next run read the orders of the dead events again; return their number."""
    dead = [row["event_id"] for row in events.rows if row["outcome"] == "dead"]
    EventInbox(State(file)).request_retry(dead)
    return len(dead)


def as_dict(events: Events) -> dict[str, Any]:
    return {"queued": events.queued, "outcomes": events.counts, "events": events.rows}


def print_events(events: Events, console: Console) -> None:
    if not events.queued and not events.counts:
        console.print("No deliveries")
        return
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(events.counts.items()))
    console.print(f"{events.queued:,} waiting for the next run; in the file: {counts or 'none'}")
    if not events.rows:
        return
    table = Table(box=None, padding=(0, 1, 0, 0))
    shown = [name for name in COLUMNS[1:] if name != "topic_mismatch"]
    for name in shown:
        table.add_column(name, justify="right" if name in ("order_id", "attempts") else "left")
    for row in events.rows[:SHOWN]:
        received = f"{row['received_at']:%Y-%m-%d %H:%M}"
        reason = "; ".join(filter(None, (row["topic_mismatch"] and f"topic_mismatch: {MISMATCH}", row["reason"])))
        cells = {**row, "received_at": received, "reason": reason}
        table.add_row(*(str(cells[name] or "") for name in shown))
    console.print(table)
    if len(events.rows) > SHOWN:
        console.print(f"… and {len(events.rows) - SHOWN:,} more: --json, or select * from order_events")
