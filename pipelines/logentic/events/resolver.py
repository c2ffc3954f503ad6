"""Track which orders the events name, and what became of each event."""

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
    """The events of one extraction. `stored` is the latest row of earlier ones; `retry` names dead ones to revive."""

    def __init__(self, fresh: Iterable[Event], stored: Iterable[Row], retry: Collection[str], attempts: int) -> None:
        self._attempts = attempts
        self._rows: dict[str, Row] = {}  # those that are new or changed
        self._open: defaultdict[int, list[Row]] = defaultdict(list)
        known = set()
        for row in stored:
            known.add(row["event_id"])
            if row["outcome"] == WAITING or (row["outcome"] == DEAD and row["event_id"] in retry):
                self._wait(row)
        for event in fresh:
            if event.event_id not in known:
                known.add(event.event_id)
                row = _row(event)
                self._rows[event.event_id] = row
                if event.order_id is not None:
                    self._wait(row)

    @property
    def have_rows(self) -> bool:
        """Whether there is something to be stored."""
        return bool(self._rows)

    def orders(self) -> list[int]:
        """Those that are still to be asked for."""
        return sorted(self._open)

    def were_read(self, order_ids: Iterable[int]) -> None:
        """The service gave these orders after the events came."""
        for order_id in self._open.keys() & set(order_ids):
            self._end(order_id, outcome=READ, reason=None)

    def failed(self, order_id: int, reason: str) -> None:
        """Tried again by the next runs, then dead with the reason."""
        for row in self._open.pop(order_id, []):
            attempts = row["attempts"] + 1
            outcome = DEAD if attempts >= self._attempts else WAITING
            self._rows[row["event_id"]] = {**row, "outcome": outcome, "attempts": attempts, "reason": reason}

    def table(self, now: datetime) -> pa.Table:
        """The new versions, as of the service's time."""
        return pa.Table.from_pylist([{**row, "_seen_at": now} for row in self._rows.values()], ORDER_EVENTS)

    def _wait(self, row: Row) -> None:
        self._open[row["order_id"]].append(row)

    def _end(self, order_id: int, **changes: Any) -> None:
        for row in self._open.pop(order_id):
            self._rows[row["event_id"]] = {**row, **changes, "attempts": row["attempts"] + 1}


def _row(event: Event) -> Row:
    row = asdict(event)
    del row["content"]
    return {**row, "outcome": NO_ORDER if event.order_id is None else WAITING, "attempts": 0, "reason": None}
