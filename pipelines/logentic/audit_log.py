"""Journals: what people and runs did, one line each, only ever added to."""

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any
from uuid import uuid4

from logentic.atomic_write import replace_file

log = logging.getLogger("logentic")

TIME, DAY, TEXT, NUMBER, REAL, MONEY = (
    "timestamp with time zone",
    "date",
    "varchar",
    "bigint",
    "double",
    "decimal(38, 24)",
)
READ_AS: dict[str, Callable[[str], Any]] = {TIME: datetime.fromisoformat, DAY: date.fromisoformat, MONEY: Decimal}
FITS: dict[str, Callable[[Any], bool]] = {
    TIME: lambda value: value.tzinfo is not None,
    DAY: lambda value: True,
    TEXT: lambda value: isinstance(value, str),
    NUMBER: lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63,
    REAL: lambda value: isinstance(value, int | float) and isfinite(value),
    MONEY: lambda value: value.is_finite(),
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Journal:
    """`name` is that of its file and of its table; `columns` are the table's, with their types."""

    name: str
    columns: Mapping[str, str]

    def path(self, folder: Path) -> Path:
        return folder / f"{self.name}.jsonl"

    def append(self, folder: Path, rows: Iterable[Row]) -> None:
        """Add rows, safe on disk when this returns. A line that an earlier writer left torn is ended first."""
        text = "".join(_line({"event_id": uuid4().hex, **row}) for row in rows)
        if self.path(folder).is_dir():
            self.path(folder).replace(self.path(folder).with_suffix(".damaged"))
        descriptor = os.open(self.path(folder), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            end = file.seek(0, os.SEEK_END)
            is_torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
            file.write((("\n" if is_torn else "") + text).encode(errors="replace"))
            os.fsync(descriptor)

    def read(self, folder: Path) -> list[Row]:
        """All rows, oldest first. A torn line is left out, and said."""
        rows = []
        for number, line in enumerate(self._lines(folder), start=1):
            try:
                rows.append(self._typed(json.loads(line)))
            except (ValueError, ArithmeticError, TypeError, AttributeError, RecursionError):
                _warn_once(self.path(folder), number)
        return rows

    def keep_last(self, folder: Path, rows: int) -> None:
        """Forget the oldest lines of a journal that would grow for ever."""
        lines = self._lines(folder)
        if len(lines) > rows:
            replace_file(self.path(folder), "".join(f"{line}\n" for line in lines[-rows:]).encode())

    def restore(self, folder: Path, stored: Iterable[Row]) -> None:
        """Append those of the stored rows that the file lacks, as the folder was lost."""
        written = set()
        for line in self._lines(folder):
            with suppress(ValueError, AttributeError, RecursionError):
                written.add(json.loads(line).get("event_id"))
        if lost := [row for row in stored if row["event_id"] not in written]:
            self.append(folder, lost)

    def distinct(self, folder: Path) -> list[Row]:
        """Return all rows as `read` does, one of each event id."""
        return [*{row["event_id"]: row for row in self.read(folder) if row.get("event_id")}.values()]

    def size(self, folder: Path) -> int:
        """Bytes written so far: it has news when this differs."""
        path = self.path(folder)
        return path.stat().st_size if path.is_file() else 0

    def _lines(self, folder: Path) -> list[str]:
        path = self.path(folder)
        return path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []

    def _typed(self, row: Row) -> Row:
        """Raises ValueError or TypeError where a value is not of its column's type."""
        for name, value in row.items():
            if (kind := self.columns.get(name)) and value is not None:
                row[name] = READ_AS[kind](value) if kind in READ_AS else value
                if not FITS[kind](row[name]):
                    raise ValueError(name)
        return row


@cache
def _warn_once(path: Path, line: int) -> None:
    log.warning("%s: line %s is torn and was left out", path, line)


EXCEPTION_LOG = Journal(
    "exception_log",
    {
        "event_id": TEXT,
        "exception_id": TEXT,
        "status": TEXT,
        "note": TEXT,
        "set_by": TEXT,
        "set_at": TIME,
        # The charge as it was known then: what differs later has been restated.
        "known_at": TIME,
        "charge_id": NUMBER,
        "payment_id": NUMBER,
        "rule": TEXT,
        "amount_at_stake": MONEY,
        "charge_type": TEXT,
        "order_id": NUMBER,
        "item_id": NUMBER,
        "amount": MONEY,
        "quantity": MONEY,
        "start_date": DAY,
        "end_date": DAY,
    },
)
MONTH_CLOSE = Journal(
    "month_close",
    {"event_id": TEXT, "month": DAY, "closed_by": TEXT, "closed_at": TIME, "known_at": TIME, "facts": NUMBER},
)
CLOSED_FACTS = Journal(
    "closed_facts",
    {
        "event_id": TEXT,
        "close_id": TEXT,
        "month": DAY,
        "subject": TEXT,
        "key": TEXT,
        "measure": TEXT,
        "value": MONEY,
    },
)
RUNS = Journal(
    "runs",
    {
        "event_id": TEXT,
        "started_at": TIME,
        "ended_at": TIME,
        "service_time": TIME,
        "outcome": TEXT,
        "error": TEXT,
        "rows_new": NUMBER,
        "rows_changed": NUMBER,
        "rows_removed": NUMBER,
        "incomplete_windows": NUMBER,
        "requests": NUMBER,
        "retries": NUMBER,
        "bytes": NUMBER,
        "load_seconds": REAL,
        "build_seconds": REAL,
        "publish_seconds": REAL,
        "peak_memory_mb": REAL,
    },
)

# What becomes a table of the published file. A new line in one of them is a reason to publish.
PUBLISHED = (EXCEPTION_LOG, MONTH_CLOSE, CLOSED_FACTS)


def _line(row: Row) -> str:
    return json.dumps(row, default=str, ensure_ascii=False) + "\n"
