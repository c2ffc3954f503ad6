"""Valid state files, how each is spoiled, and how the product reads it."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

from fuzz.account import NOON
from fuzz.json_text import encode
from fuzz.mutations import CATALOGUE, Draft
from logentic.audit_log import (
    CLOSED_FACTS,
    EXCEPTION_LOG,
    INVOICE_DECISIONS,
    INVOICE_TOTALS,
    MONTH_CLOSE,
    RUNS,
    AuditLog,
)
from logentic.events.event import Event
from logentic.events.inbox import EventInbox
from logentic.load.loader import read_deferred_receipts
from logentic.monitoring.run_history import read_runs, record_killed_run
from logentic.resources import INTEGER, SNAPSHOT, Resource
from logentic.state import State

GROUPS = ("value", "field", "row", "body")  # what a state file can suffer of what a response can
LOAD = "1773748800.1"
_RECEIPT = {
    "window_id": "a-1",
    "run_id": "a",
    "resource": "orders",
    "filter": "updated_day",
    "window_start": "2026-03-01 00:00:00+00:00",
    "window_end": "2026-03-17 12:00:00+00:00",
    "total_announced": 3,
    "rows_read": 3,
    "distinct_keys": 3,
    "rows_new": 0,
    "rows_changed": 0,
    "rows_removed": 0,
    "requests": 1,
    "bytes": 900,
    "started_at": "2026-03-17 12:00:00+00:00",
    "finished_at": "2026-03-17 12:00:00+00:00",
    "is_complete": True,
    "is_confirmed": True,
    "reason": None,
}
_RUN = {
    "event_id": "r1",
    "started_at": "2026-03-17T12:00:00+00:00",
    "ended_at": "2026-03-17T12:00:04+00:00",
    "outcome": "published",
    "error": None,
    "rows_new": 4,
    "requests": 9,
    "load_seconds": 1.5,
}
NOTES: dict[str, dict[str, Any]] = {
    "built": {"load": LOAD, "journals": '{"exception_log": 0}', "engine": "duckdb", "day": "2026-03-17"},
    "held": {"after": LOAD, "receipts": [_RECEIPT]},
    "under_way": {"event_id": "r2", "started_at": "2026-03-17T13:00:00+00:00"},
    "orders_asked": {"ids": [19001, 19002]},
    "events_taken": {"000001773748.log": 120},
    "events_retry": {"events": ["e1"]},
    "alerts": {"run": "the run of 2026-03-17 failed"},
}
_ROWS: list[tuple[AuditLog, dict[str, Any]]] = [
    (RUNS, _RUN),
    (
        EXCEPTION_LOG,
        {
            "event_id": "x1",
            "exception_id": "c-1",
            "status": "disputed",
            "set_by": "root",
            "set_at": "2026-03-17T12:00:00+00:00",
            "charge_id": 7,
            "amount": "12.50",
            "start_date": "2026-03-01",
        },
    ),
    (MONTH_CLOSE, {"event_id": "m1", "month": "2026-02-01", "closed_at": "2026-03-02T12:00:00+00:00", "facts": 3}),
    (CLOSED_FACTS, {"event_id": "f1", "close_id": "m1", "month": "2026-02-01", "key": "picking", "value": "1.50"}),
    (
        INVOICE_DECISIONS,
        {
            "event_id": "d1",
            "payment_id": 7005,
            "decision": "approve",
            "amount": "1234.56",
            "decided_by": "root",
            "decided_at": "2026-03-17T12:00:00+00:00",
            "method": "person",
            "total": "1234.56",
            "recoverable": "1.50",
        },
    ),
    (
        INVOICE_TOTALS,
        {"event_id": "t1", "payment_id": 7005, "total": "1234.56", "entered_at": "2026-03-17T12:00:00+00:00"},
    ),
]
AUDIT_LOGS = {audit_log.name: (audit_log, row) for audit_log, row in _ROWS}
SAMPLES = [*NOTES, *AUDIT_LOGS, "events"]


@dataclass(frozen=True)
class SpoiledFile:
    path: Path
    kept: int  # records of it that nothing touched


def spoil(state: State, sample: str, mutations: list[str], random: Random) -> SpoiledFile:
    """Write a state file with something wrong in it."""
    state.prepare()
    if sample in NOTES:
        path, kept = state.folder / f"{sample}.json", 0
        path.write_bytes(_spoiled(NOTES[sample], mutations, random))
    elif sample == "events":
        path, kept = _spoiled_segment(state, mutations, random), 2
    else:
        audit_log, row = AUDIT_LOGS[sample]
        lines = [encode({**row, "event_id": "before"}), _spoiled(row, mutations, random)]
        lines.append(encode({**row, "event_id": "after"}))
        path, kept = audit_log.path(state.folder), 2
        path.write_bytes(b"\n".join(lines) + b"\n")
    return SpoiledFile(path, kept)


def read(state: State, sample: str, spoiled: SpoiledFile) -> str | None:
    """Read the file as a run does, write it again; return what is wrong, None where nothing is."""
    if sample in NOTES:
        READERS.get(sample, _read_nothing_more)(state)
        state.read_note(sample)
        state.write_note(sample, NOTES[sample])
        return None if state.read_note(sample) == NOTES[sample] else "what was written is not read back"
    if sample == "events":
        found = {event.order_id for event in EventInbox(state).read_new()}
        return None if {1, 3} <= found else f"events beside the spoiled one are lost: {sorted(map(str, found))}"
    audit_log, _ = AUDIT_LOGS[sample]
    if audit_log is RUNS:
        state.last_run()
        read_runs(state)
        state.log_run({"event_id": "new", "started_at": datetime.now(UTC)})
    else:
        audit_log.append(state.folder, [{"event_id": "new"}])
    found_ids = {str(row.get("event_id")) for row in audit_log.read(state.folder)}
    return None if {"before", "after", "new"} <= found_ids else f"lines beside the spoiled one are lost: {found_ids}"


def _read_nothing_more(state: State) -> None:
    """A note without a reader of its own."""


READERS: dict[str, Callable[[State], Any]] = {
    "held": lambda state: read_deferred_receipts(state, [LOAD]),
    "under_way": record_killed_run,
    "events_taken": lambda state: EventInbox(state).read_new(),
    "events_retry": lambda state: (
        EventInbox(state).ids_to_retry(),
        EventInbox(state).mark_published(timedelta(hours=1), ["e1"]),
    ),
}


def _spoiled(record: dict[str, Any], mutations: list[str], random: Random) -> bytes:
    """A record, spoiled as a row of a page is, or as the body of one."""
    draft = Draft(
        Resource("a state file", "/", (), {"id": INTEGER}, window=SNAPSHOT), {"data": [deepcopy(record)]}, random
    )
    for name in mutations:
        if CATALOGUE[name].group == "body" and not draft.is_encoded:
            draft.body, draft.is_encoded = encode(draft.rows[0]), True
        CATALOGUE[name].apply(draft)
    return draft.body if draft.is_encoded else encode(draft.document["data"][0])


def _spoiled_segment(state: State, mutations: list[str], random: Random) -> Path:
    """A segment of the queue with three events, of which the second is spoiled, mostly with a right checksum."""
    records = []
    for number in (1, 2, 3):
        record = event(number).as_line()
        if number == 2:
            spoiled = _spoiled({"event": record.decode()}, mutations, random)
            record = spoiled if random.random() < 0.5 else _spoiled(_parsed(record), mutations, random)
        records.append(record.replace(b"\n", b" "))
    return write_segment(state, records, random.randrange(2**32) if random.random() < 0.3 else None)


def write_segment(state: State, records: list[bytes], damage: int | None = None) -> Path:
    """Write a segment of the queue; the checksum of the second record is damaged if asked."""
    checksums = [
        crc32(record) ^ (damage or 0) if number == 1 else crc32(record) for number, record in enumerate(records)
    ]
    state.events.mkdir(mode=0o700, exist_ok=True)
    path = state.events / "000001773748.log"
    path.write_bytes(b"".join(b"%08x %s\n" % pair for pair in zip(checksums, records, strict=True)))
    return path


def _parsed(record: bytes) -> dict[str, Any]:
    import json

    parsed = json.loads(record)
    return parsed if isinstance(parsed, dict) else {"record": parsed}


def event(order_id: int) -> Event:
    """Return an event of an order as the receiver keeps it."""
    return Event(**{**_EVENT, "event_id": f"e{order_id}", "content": f"c{order_id}", "order_id": order_id})


_EVENT: dict[str, Any] = {
    "topic": "order-completed",
    "occurred_at": NOON,
    "received_at": NOON,
    "api_version": "v1",
    "is_known_version": True,
    "body": "{}",
}
