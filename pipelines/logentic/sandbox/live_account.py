"""A live account: its clock, its state, and changes that a test makes."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from threading import RLock
from typing import Any

from logentic.sandbox.account import Account
from logentic.sandbox.clock import Clock
from logentic.sandbox.events import AccountEvent
from logentic.sandbox.readings import Readings
from logentic.sandbox.state import AccountState

NOON = time(12, tzinfo=UTC)


class LiveAccount:
    """The account as time passes."""

    def __init__(self, account: Account, readings: Readings, clock: Clock | None) -> None:
        self.account, self.readings = account, readings
        self.clock = clock or Clock(datetime.combine(account.today, NOON))
        self.lock = RLock()
        self._state = AccountState(account, readings)

    def state(self) -> AccountState:
        """Return the state at the clock's moment."""
        with self.lock:
            self._state.pass_to(self.clock.now())
            return self._state

    def insert(self, resource: str, fields: Mapping[str, Any], key: int | None = None) -> int:
        """Insert an order, item (with its three sides) or charge; its id follows all ids of the account."""
        with self.lock:
            key = key or max(event.key for event in self.account.events if event.resource == resource) + 1
            self._happen("inserted", resource, key, {"created_at": self.clock.now(), **fields})
            return key

    def alter(self, resource: str, key: int | tuple[int, date], **fields: Any) -> None:
        """Change fields of a record; a row of inventory_history is named by item and day."""
        self._happen("altered", resource, key, fields)

    def remove(self, resource: str, key: int | tuple[int, date]) -> None:
        self._happen("removed", resource, key, None)

    def move(self, item_id: int, **moves: int) -> None:
        """Move stock: `picked=1`, `received=8, announced=-2`, …"""
        self._happen("moved", "item_quantities", item_id, moves)

    def restate_day(self, day: date, **fields: Any) -> None:
        """Change every row of a day of history; without fields the day becomes empty."""
        with self.lock:
            for row in [row for row in self.state().rows("inventory_history") if row["date"] == day]:
                self._happen("restated", "inventory_history", (row["id"], day), fields or None)

    def _happen(self, kind: str, resource: str, key: Any, change: Mapping[str, Any] | None) -> None:
        with self.lock:
            self.state()
            self.account.insert(AccountEvent(self.clock.now(), kind, resource, key, change))
