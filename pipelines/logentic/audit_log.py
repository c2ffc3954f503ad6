"""Store append-only records of what people and runs did, one JSON object per line."""

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
PARSERS: dict[str, Callable[[str], Any]] = {TIME: datetime.fromisoformat, DAY: date.fromisoformat, MONEY: Decimal}
VALIDATORS: dict[str, Callable[[Any], bool]] = {
    TIME: lambda value: value.tzinfo is not None,
    DAY: lambda value: True,
    TEXT: lambda value: isinstance(value, str),
    NUMBER: lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63,
    REAL: lambda value: isinstance(value, int | float) and isfinite(value),
    MONEY: lambda value: value.is_finite(),
}
Row = dict[str, Any]


@dataclass(frozen=True)
class AuditLog:
    """An append-only file and the table made of it. Both are called `name`; `columns` maps the table's columns to
    types.
    """

    name: str
    columns: Mapping[str, str]

    def path(self, folder: Path) -> Path:
        return folder / f"{self.name}.jsonl"

    def append(self, folder: Path, rows: Iterable[Row]) -> None:
        """Append rows, safe on disk on return; end an incomplete last line first."""
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
        """Return all rows, oldest first; log and skip damaged lines."""
        rows = []
        for number, line in enumerate(self._lines(folder), start=1):
            try:
                rows.append(self._typed(json.loads(line)))
            except (ValueError, ArithmeticError, TypeError, AttributeError, RecursionError):
                _warn_once(self.path(folder), number)
        return rows

    def keep_last(self, folder: Path, rows: int) -> None:
        """Remove the oldest lines of a log, so that it does not grow without limit."""
        lines = self._lines(folder)
        if len(lines) > rows:
            replace_file(self.path(folder), "".join(f"{line}\n" for line in lines[-rows:]).encode())

    def restore(self, folder: Path, stored: Iterable[Row]) -> None:
        """Append the stored rows that the file lacks, after the folder was lost."""
        written = set()
        for line in self._lines(folder):
            with suppress(ValueError, AttributeError, RecursionError):
                written.add(json.loads(line).get("event_id"))
        if lost := [row for row in stored if row["event_id"] not in written]:
            self.append(folder, lost)

    def read_distinct(self, folder: Path) -> list[Row]:
        """Return all rows, as `read` does, but only one for each event id."""
        return [*{row["event_id"]: row for row in self.read(folder) if row.get("event_id")}.values()]

    def size(self, folder: Path) -> int:
        """Return the size in bytes, which changes when rows are added."""
        path = self.path(folder)
        return path.stat().st_size if path.is_file() else 0

    def _lines(self, folder: Path) -> list[str]:
        path = self.path(folder)
        return path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []

    def _typed(self, row: Row) -> Row:
        """Convert the values to their columns' types; raise ValueError or TypeError if one does not fit."""
        for name, value in row.items():
            if (kind := self.columns.get(name)) and value is not None:
                row[name] = PARSERS[kind](value) if kind in PARSERS else value
                if not VALIDATORS[kind](row[name]):
                    raise ValueError(name)
        return row


@cache
def _warn_once(path: Path, line: int) -> None:
    log.warning("%s: line %s is damaged and was skipped", path, line)


EXCEPTION_LOG = AuditLog(
    "exception_log",
    {
        "event_id": TEXT,
        "exception_id": TEXT,
        "status": TEXT,
        "note": TEXT,
        "set_by": TEXT,
        "set_at": TIME,
        # The charge at the time of the decision, to detect later restatements.
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
MONTH_CLOSE = AuditLog(
    "month_close",
    {
        "event_id": TEXT,
        "month": DAY,
        "closed_by": TEXT,
        "closed_at": TIME,
        "known_at": TIME,
        "facts": NUMBER,
        # Only in rows that reopen a month: the closing that is undone, and the reason.
        "undoes": TEXT,
        "note": TEXT,
    },
)
CLOSED_FACTS = AuditLog(
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
# Invoice totals as finance received them, with tax; the last one typed wins.
INVOICE_TOTALS = AuditLog(
    "invoice_totals",
    {
        "event_id": TEXT,
        "payment_id": NUMBER,
        "total": MONEY,
        "currency": TEXT,
        "entered_by": TEXT,
        "entered_at": TIME,
    },
)
INVOICE_DECISIONS = AuditLog(
    "invoice_decisions",
    {
        "event_id": TEXT,
        "payment_id": NUMBER,
        "decision": TEXT,
        "amount": MONEY,
        "note": TEXT,
        "decided_by": TEXT,
        "decided_at": TIME,
        "method": TEXT,
        # The invoice at the time of the decision: `total`, `invoice_total` and `recommended` are with tax.
        "known_at": TIME,
        "currency": TEXT,
        "billed_date": DAY,
        "total": MONEY,
        "invoice_total": MONEY,
        "recommended": MONEY,
        "recoverable": MONEY,
        "in_your_favour": MONEY,
        "not_checked": MONEY,
        "exceptions": TEXT,
    },
)
# What the history would have cost under a contract, as `logentic quote --save` found it.
QUOTES = AuditLog(
    "quotes",
    {
        "event_id": TEXT,
        "quote_id": TEXT,
        "contract": TEXT,
        "first_month": DAY,
        "last_month": DAY,
        "orders": NUMBER,
        "units": MONEY,
        "total": MONEY,
        "kept_as_billed": MONEY,
        "break_even": TEXT,
        "currency": TEXT,
        "quoted_by": TEXT,
        "quoted_at": TIME,
    },
)
QUOTE_LINES = AuditLog(
    "quote_lines",
    {
        "event_id": TEXT,
        "quote_id": TEXT,
        "contract": TEXT,
        "month": DAY,
        "charge_type": TEXT,
        "amount": MONEY,
    },
)
RUNS = AuditLog(
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
# Requests that change the account, and their answers. A `sent` line is on disk before its request leaves; without an
# `answered` or `found` line after it, nobody knows whether the service received it.
PUSH_LOG = AuditLog(
    "push_log",
    {
        "event_id": TEXT,
        "push_id": TEXT,
        "at": TIME,
        "base_url": TEXT,
        "resource": TEXT,
        "event": TEXT,
        "method": TEXT,
        "path": TEXT,
        # The names by which the record is found, as JSON: [["external_name", "#1001"]].
        "names": TEXT,
        "outcome": TEXT,
        "status": NUMBER,
        "record_id": NUMBER,
        "reason": TEXT,
        "content": TEXT,
    },
)

# The logs that are tables of the published file; a new line in one of them requires publishing.
PUBLISHED_LOGS = (EXCEPTION_LOG, MONTH_CLOSE, CLOSED_FACTS, INVOICE_TOTALS, INVOICE_DECISIONS, QUOTES, QUOTE_LINES)


def _line(row: Row) -> str:
    return json.dumps(row, default=str, ensure_ascii=False) + "\n"
