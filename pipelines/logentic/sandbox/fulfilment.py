"""Process orders in the warehouse: created, picked, packed, shipped, received, or not."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from math import sqrt
from typing import Any

from logentic.sandbox import catalogue
from logentic.sandbox.warehouse import Shelf, Warehouse

ORDERS_PER_DAY = 25
FIRST_ORDER_ID = 19_001
WEEKDAYS = (1.15, 1.15, 1.1, 1.1, 1.1, 0.8, 0.6)


@dataclass(slots=True, eq=False)
class Order:
    """An order and its lines."""

    order_id: int
    lines: list[tuple[Shelf, int]]
    status: str = "PENDING"
    back_ordered: dict[Shelf, int] = field(default_factory=dict)

    def stored_items(self) -> list[dict[str, Any]]:
        """Return the lines as the API shows them."""
        return [
            {
                "item_id": shelf.item_id,
                "shopify_variant_id": shelf.fields["shopify_variant_id"],
                "quantity": quantity,
            }
            for shelf, quantity in self.lines
        ]

    def needs(self) -> dict[Shelf, int]:
        """Return the units per item; an item can be on two lines."""
        needs: dict[Shelf, int] = {}
        for shelf, quantity in self.lines:
            needs[shelf] = needs.get(shelf, 0) + quantity
        return needs


class Fulfilment:
    """Create orders and ship them."""

    def __init__(self, floor: Warehouse, scale: float, *, returned_as: str) -> None:
        self.floor, self.random, self.returned_as = floor, floor.random, returned_as
        self.orders_per_day = ORDERS_PER_DAY * scale
        self._next_id = FIRST_ORDER_ID
        self._waiting: list[Order] = []

    def open(self, start: datetime) -> None:
        """Create orders from the first day's noon on."""
        self.floor.later(start + timedelta(hours=12), self._day)

    def restocked(self, at: datetime, shelf: Shelf) -> None:
        """Pick orders that waited for received goods."""
        ready = [order for order in self._waiting if shelf in order.back_ordered]
        self._waiting = [order for order in self._waiting if shelf not in order.back_ordered]
        for order in ready:
            self.floor.after(at, 0.1, 1.5, self._pick, order)

    def _day(self, at: datetime) -> None:
        mean = self.orders_per_day * WEEKDAYS[at.weekday()]
        for _ in range(max(0, round(self.random.gauss(mean, sqrt(mean))))):
            self.floor.later(at + timedelta(seconds=int(self.random.triangular(0, 86399, 30000))), self._create)
        self.floor.later(at + timedelta(days=1), self._day)

    def _choose(self, lines: int) -> list[tuple[Shelf, int]]:
        sold = [shelf for shelf in self.floor.shelves.values() if shelf.is_sold]
        weights = list(accumulate(shelf.popularity for shelf in sold))
        chosen = self.random.choices(sold, cum_weights=weights, k=lines) if sold else []
        return [(shelf, self.random.choices((1, 2, 3, 6, 12), (62, 22, 10, 5, 1))[0]) for shelf in chosen]

    def _create(self, at: datetime) -> None:
        order = Order(self._next_id, self._choose(self.random.choices((1, 2, 3, 4), (55, 27, 12, 6))[0]))
        if not order.lines:
            return
        self._next_id += self.random.choices((1, 2), (9, 1))[0]
        for shelf, quantity in order.lines:
            shelf.ordered += quantity
        number = order.order_id - FIRST_ORDER_ID + 1001
        by_hand = self.random.random() < 0.08
        fields = {
            "external_name": f"B2B-{number}" if by_hand else f"#{number}",
            "shopify_order_id": None if by_hand else str(5_000_000_000_000 + number * 2311),
            "order_type": "DELIVERY",
            "status": order.status,
            "warehouse_id": 1,
            "created_at": at,
            **catalogue.address(self.random),
            "stored_items": order.stored_items(),
        }
        self.floor.record(at, "order_created", "orders", order.order_id, fields)
        fate = self.random.random()
        if fate < 0.04:
            self.floor.after(at, 0.2, 3, self._cancel, order)
            return
        if fate < 0.1:
            self.floor.after(at, 0.1, 0.9, self._edit, order)
        self.floor.after(at, 1, 20, self._pick, order)

    def _set(self, at: datetime, kind: str, order: Order, status: str) -> None:
        order.status = status
        self.floor.record(at, kind, "orders", order.order_id, {"status": status})

    def _edit(self, at: datetime, order: Order) -> None:
        """Change the address or lines of a pending order."""
        if self.random.random() < 0.4:
            self.floor.record(at, "order_edited", "orders", order.order_id, catalogue.address(self.random))
            return
        added = self._choose(1) if len(order.lines) == 1 else []
        for shelf, quantity in order.lines[1:]:
            shelf.ordered -= quantity
        for shelf, quantity in added:
            shelf.ordered += quantity
        order.lines = order.lines[:1] + added
        self.floor.record(at, "order_edited", "orders", order.order_id, {"stored_items": order.stored_items()})

    def _cancel(self, at: datetime, order: Order) -> None:
        for shelf, quantity in order.lines:
            shelf.ordered -= quantity
        self._set(at, "order_cancelled", order, "CANCELLED")

    def _pick(self, at: datetime, order: Order) -> None:
        short = {shelf: units - shelf.supply for shelf, units in order.needs().items() if units > shelf.supply}
        if short:
            for shelf, units in short.items():
                if shelf not in order.back_ordered:
                    order.back_ordered[shelf] = units
                    self.floor.move(at, "back_ordered", shelf, back_ordered=units)
            self._waiting.append(order)
            return
        at_once = self.random.random() < 0.05
        for shelf, quantity in order.lines:
            moves = {"picked": quantity}
            if at_once:
                moves["shipped"] = quantity
                shelf.ordered -= quantity
            if waited := order.back_ordered.pop(shelf, 0):
                moves["back_ordered"] = -waited
            self.floor.move(at, "picked_and_shipped" if at_once else "picked", shelf, **moves)
        if at_once:
            self._shipped(at, order)
            return
        self._set(at, "order_picked", order, "PICKED")
        self.floor.after(at, 0.3, 3, self._pack, order)

    def _pack(self, at: datetime, order: Order) -> None:
        if self.random.random() < 0.015:
            for shelf, quantity in order.lines:
                self.floor.move(at, "put_back", shelf, picked=-quantity)
            self._cancel(at, order)
            return
        self._set(at, "order_packed", order, "PACKED")
        self.floor.after(at, 1, 12, self._ship, order)

    def _ship(self, at: datetime, order: Order) -> None:
        for shelf, quantity in order.lines:
            self.floor.move(at, "shipped", shelf, shipped=quantity)
            shelf.ordered -= quantity
        self._shipped(at, order)

    def _shipped(self, at: datetime, order: Order) -> None:
        self._set(at, "order_in_transit", order, "IN_TRANSIT")
        self.floor.after(at, 20, 100, self._complete, order)

    def _complete(self, at: datetime, order: Order) -> None:
        self._set(at, "order_completed", order, "COMPLETED")
        if self.random.random() < 0.03:
            self.floor.after(at, 60, 400, self._return, order)

    def _return(self, at: datetime, order: Order) -> None:
        shelf, quantity = self.random.choice(order.lines)
        if shelf.item_id in self.floor.shelves:
            self.floor.move(at, "returned", shelf, **{self.returned_as: self.random.randint(1, quantity)})
