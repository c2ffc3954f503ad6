"""Track which orders the events name, and the outcome of each event."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pyarrow as pa

from logentic.events.event import Event
from logentic.resources import ORDER_EVENTS

WAITING, READ, NO_ORDER, DEAD = "waiting", "read", "no_order", "dead"
Row = dict[str, Any]


class EventOrders:
    """The events of one extraction.

    `stored` has the latest row of each earlier event; `retry` names dead events to try again; `fresh` are new.
    """

    def __init__(self, fresh: Iterable[Event], stored: Iterable[Row], retry: Collection[str], attempts: int) -> None:
        self._attempts = attempts
        self._rows: dict[str, Row] = {}  # new or changed rows
        self._open: defaultdict[int, list[Row]] = defaultdict(list)
        known = set()
        for row in stored:
            known.add(row["event_id"])
            if row["outcome"] == WAITING or (row["outcome"] == DEAD and row["event_id"] in retry):
                self._add_open(row)
        for event in fresh:
            if event.event_id not in known:
                known.add(event.event_id)
                row = _row(event)
                self._rows[event.event_id] = row
                if event.order_id is not None:
                    self._add_open(row)

    @property
    def has_rows(self) -> bool:
        """Return whether there are rows to store."""
        return bool(self._rows)

    def open_orders(self) -> list[int]:
        """Return the orders that are still to be read."""
        return sorted(self._open)

    def mark_read(self, order_ids: Iterable[int]) -> None:
        """Record that these orders were read after the events came."""
        for order_id in self._open.keys() & set(order_ids):
            for row in self._open.pop(order_id):
                self._rows[row["event_id"]] = {**row, "outcome": READ, "attempts": row["attempts"] + 1, "reason": None}

    def mark_failed(self, order_id: int, reason: str) -> None:
        """Record a failed read: the next runs try again, up to the allowed attempts; then the event is dead."""
        for row in self._open.pop(order_id, []):
            attempts = row["attempts"] + 1
            outcome = DEAD if attempts >= self._attempts else WAITING
            self._rows[row["event_id"]] = {**row, "outcome": outcome, "attempts": attempts, "reason": reason}

    def table(self, now: datetime) -> pa.Table:
        """Return the new versions, as of the service's time."""
        return pa.Table.from_pylist([{**row, "_seen_at": now} for row in self._rows.values()], ORDER_EVENTS)

    def _add_open(self, row: Row) -> None:
        self._open[row["order_id"]].append(row)


def _row(event: Event) -> Row:
    row = asdict(event)
    del row["content"]
    return {**row, "outcome": NO_ORDER if event.order_id is None else WAITING, "attempts": 0, "reason": None}
