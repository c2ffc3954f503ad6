"""Close a month: freeze its figures as currently known; or reopen it."""

import fcntl
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shlex import quote
from uuid import uuid4
from zoneinfo import ZoneInfo

import duckdb

from logentic.audit_log import CLOSED_FACTS, MONTH_CLOSE, Row
from logentic.errors import UsageError
from logentic.reports.published_file import open_published, read_audit_log, read_known_at, read_records
from logentic.reports.status import read_status
from logentic.state import State

FROZEN = {
    "charge": ("charge", "charges"),
    "charges": ("total by type", "totals by type"),
    "invoice": ("invoice total", "invoice totals"),
    "storage": ("item's storage", "items' storage"),
    "stock": ("item's stock", "items' stock"),
}


@dataclass(frozen=True)
class ClosedMonth:
    """`facts` counts the frozen figures by subject; `charged` is the sum of the charges, before tax."""

    month: date
    known_at: datetime
    facts: dict[str, int]
    charged: Decimal

    @property
    def frozen_text(self) -> str:
        """Return how many figures of each subject are frozen."""
        return ", ".join(f"{number:,} {FROZEN[subject][number > 1]}" for subject, number in self.facts.items())


def preview_close(file: Path, month: date, timezone: str) -> ClosedMonth:
    """Return what closing a month would freeze; refuse a month that cannot be closed, with the reason."""
    known, facts = _read_facts(file, month, timezone)
    return _summary(month, known, facts)


def close_month(file: Path, month: date, by: str, timezone: str) -> ClosedMonth:
    """Freeze a month that has ended and is complete; refuse any other with the reason.

    If two people close it at the same time, the second is refused.
    """
    with _locked_state(file) as state:
        return _close(file, state, month, by, timezone)


def reopen_month(file: Path, month: date, by: str, note: str) -> None:
    """Undo the closing of a month. The frozen figures stay in the audit log, and the month can be closed again."""
    with _locked_state(file) as state:
        with open_published(file) as published:
            known = read_known_at(published)
            closes = _valid_closes(published, file, month)
        if not closes:
            raise UsageError(f"{month:%Y-%m} is not closed", "There is nothing to undo.")
        undone = {"month": month, "closed_by": by, "closed_at": datetime.now(UTC), "known_at": known, "facts": 0}
        MONTH_CLOSE.append(
            state.folder,
            [
                {"event_id": uuid4().hex, **undone, "undoes": close_id, "note": note}
                for close_id in sorted({close["event_id"] for close in closes})
            ],
        )


@contextmanager
def _locked_state(file: Path) -> Iterator[State]:
    """Let one process at a time close or open a month."""
    open_published(file).close()  # fails for a missing file before a state folder is created
    state = State(file.absolute())
    state.prepare()
    folder = os.open(state.folder, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield state
    finally:
        os.close(folder)


def _read_facts(file: Path, month: date, timezone: str) -> tuple[datetime, list[Row]]:
    """Return the service's time up to which FILE knows the account, and the figures to freeze."""
    with open_published(file) as published:
        known = read_known_at(published)
        earlier = read_month_close(published, file, month)
        facts = read_records(
            published, "select month, subject, key, measure, value from month_facts where month = ?", [month]
        )
    name = f"{month:%Y-%m}"
    if earlier:
        raise UsageError(
            f"{name} was closed by {earlier['closed_by']} at {earlier['closed_at']:%Y-%m-%d %H:%M} UTC",
            "Later differences are in the table restatements; --undo reopens it.",
        )
    if next_month_of(month) > known.astimezone(ZoneInfo(timezone)).date():
        raise UsageError(
            f"{name} has not ended: {file} covers the account up to {known:%Y-%m-%d %H:%M} UTC",
            f"After it ends, run: logentic run --db {quote(str(file))}, then close it.",
        )
    if not facts:
        raise UsageError(f"{file} has no data for {name}", "Nothing was closed; check the month.")
    unread = {name: read["incomplete_windows"] for name, read in read_status(file)["resources"].items()}
    if incomplete := [name for name, windows in unread.items() if windows]:
        raise UsageError(
            f"{incomplete[0]} is incomplete: {unread[incomplete[0]]} of its windows are incomplete",
            f"Read them first: logentic run --db {quote(str(file))}",
        )
    return known, facts


def _close(file: Path, state: State, month: date, by: str, timezone: str) -> ClosedMonth:
    known, facts = _read_facts(file, month, timezone)
    close_id = uuid4().hex
    CLOSED_FACTS.append(
        state.folder,
        (
            {
                "event_id": "/".join((close_id, fact["subject"], fact["key"], fact["measure"])),
                "close_id": close_id,
                **fact,
            }
            for fact in facts
        ),
    )
    # The frozen figures become valid with this line.
    MONTH_CLOSE.append(
        state.folder,
        [
            {
                "event_id": close_id,
                "month": month,
                "closed_by": by,
                "closed_at": datetime.now(UTC),
                "known_at": known,
                "facts": len(facts),
            }
        ],
    )
    return _summary(month, known, facts)


def _summary(month: date, known: datetime, facts: list[Row]) -> ClosedMonth:
    charges = [fact["value"] for fact in facts if fact["subject"] == "charge" and fact["value"] is not None]
    return ClosedMonth(month, known, dict(Counter(fact["subject"] for fact in facts)), sum(charges, Decimal(0)))


def read_month_close(published: duckdb.DuckDBPyConnection, file: Path, month: date) -> Row | None:
    """Return the earliest record that closes a month and was not undone; None if the month is open."""
    return min(_valid_closes(published, file, month), key=lambda close: close["closed_at"], default=None)


def _valid_closes(published: duckdb.DuckDBPyConnection, file: Path, month: date) -> list[Row]:
    """Return the records that close a month, from FILE and from the audit log, without those that were undone."""
    held = read_records(published, "select * from logentic_raw.month_close where month = $1", [month])
    rows = [*held, *(row for row in read_audit_log(MONTH_CLOSE, file) if row["month"] == month)]
    undone = {row.get("undoes") for row in rows}
    return [row for row in rows if row.get("undoes") is None and row["event_id"] not in undone]


def next_month_of(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)
