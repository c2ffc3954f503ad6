"""Close a month: freeze its figures as they are known now."""

import fcntl
import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
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


@dataclass(frozen=True)
class ClosedMonth:
    """`facts` counts the frozen figures by subject."""

    month: date
    known_at: datetime
    facts: dict[str, int]


def close_month(file: Path, month: date, by: str, timezone: str) -> ClosedMonth:
    """Freeze a month that has ended and is complete; refuse any other with the reason.

    If two people close it at the same time, the second is refused.
    """
    open_published(file).close()  # refuses a missing file before a state folder is created
    state = State(file.absolute())
    state.prepare()
    folder = os.open(state.folder, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        return _close(file, state, month, by, timezone)
    finally:
        os.close(folder)


def _close(file: Path, state: State, month: date, by: str, timezone: str) -> ClosedMonth:
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
            "What differs since then stands in restatements.",
        )
    if next_month_of(month) > known.astimezone(ZoneInfo(timezone)).date():
        raise UsageError(
            f"{name} has not ended: {file} knows the account up to {known:%Y-%m-%d %H:%M} UTC",
            f"Once it has: logentic run --db {quote(str(file))}, then close it.",
        )
    if not facts:
        raise UsageError(f"{file} knows nothing of {name}", "Nothing was closed; check the month.")
    unread = {name: read["incomplete_windows"] for name, read in read_status(file)["resources"].items()}
    if incomplete := [name for name, windows in unread.items() if windows]:
        raise UsageError(
            f"{incomplete[0]} is not whole: {unread[incomplete[0]]} of its windows are incomplete",
            f"Read them first: logentic run --db {quote(str(file))}",
        )
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
    # The facts are valid once this line is written.
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
    return ClosedMonth(month, known, dict(Counter(fact["subject"] for fact in facts)))


def read_month_close(published: duckdb.DuckDBPyConnection, file: Path, month: date) -> Row | None:
    """Return the earliest record that closes a month, from FILE or the audit log; None if there is none."""
    held = read_records(published, "select * from logentic_raw.month_close where month = $1", [month])
    closes = [*held, *(close for close in read_audit_log(MONTH_CLOSE, file) if close["month"] == month)]
    return min(closes, key=lambda close: close["closed_at"], default=None)


def next_month_of(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)
