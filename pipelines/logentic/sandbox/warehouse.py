"""Simulate the warehouse: its shelves, its agenda, and the list of events."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from logentic.sandbox.events import AccountEvent, effect


@dataclass(slots=True, eq=False)
class Shelf:
    """An item's stock in the warehouse."""

    item_id: int
    fields: dict[str, Any]
    popularity: float
    units_per_day: float
    supply: int = 0
    receiving: int = 0
    prepared: int = 0
    back_ordered: int = 0
    delivered: int = 0
    ordered: int = 0
    is_sold: bool = True


class Warehouse:
    """An agenda of actions, run in order of time."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.events: list[AccountEvent] = []
        self.shelves: dict[int, Shelf] = {}
        self._agenda: list[tuple[datetime, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = count()

    def later(self, at: datetime, action: Callable[..., None], *args: Any) -> None:
        """Schedule `action(at, *args)` at a moment."""
        heapq.heappush(self._agenda, (at, next(self._number), action, args))

    def after(self, at: datetime, shortest: float, longest: float, action: Callable[..., None], *args: Any) -> None:
        """Schedule an action some hours later."""
        seconds = self.random.randint(int(shortest * 3600), int(longest * 3600))
        self.later(at + timedelta(seconds=seconds), action, *args)

    def run(self, end: datetime) -> None:
        """Run all actions that are due before the end."""
        while self._agenda and self._agenda[0][0] < end:
            at, _, action, args = heapq.heappop(self._agenda)
            action(at, *args)

    def record(self, at: datetime, kind: str, resource: str, key: int, change: Mapping[str, Any] | None) -> None:
        """Record an event of an item or an order."""
        self.events.append(AccountEvent(at, kind, resource, key, change))

    def move(self, at: datetime, kind: str, shelf: Shelf, /, **moves: int) -> None:
        """Record a stock movement or count: one event, one record of the item's counters."""
        event = AccountEvent(at, kind, "item_quantities", shelf.item_id, moves)
        self.events.append(event)
        supply, receiving, prepared, back_ordered, delivered = effect(event)
        shelf.supply += supply
        shelf.receiving += receiving
        shelf.prepared += prepared
        shelf.back_ordered += back_ordered
        shelf.delivered += delivered
