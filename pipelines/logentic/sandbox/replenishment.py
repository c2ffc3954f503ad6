"""Items and their stock: created, announced, received, counted, edited, discontinued."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil

from logentic.sandbox import catalogue
from logentic.sandbox.warehouse import Shelf, Warehouse

ITEMS, UNITS_PER_DAY = 60, 62.0
FIRST_ITEM_ID = 28_001
LATER_ITEM, UNSTOCKED, GIVEN_UP = 6, 20, 19  # one item in this many


class Replenishment:
    """Keep items in stock."""

    def __init__(self, floor: Warehouse, scale: float, *, on_receipt: Callable[[datetime, Shelf], None]) -> None:
        self.floor, self.random, self.on_receipt = floor, floor.random, on_receipt
        self.items = max(3, round(ITEMS * scale))
        self.scale = scale
        self._next_id = FIRST_ITEM_ID

    def open(self, start: datetime) -> None:
        """Create the items: most on the first morning, some later."""
        for number in range(1, self.items + 1):
            day = self.random.randint(1, 150) if number % LATER_ITEM == 0 else 0
            at = start + timedelta(days=day, hours=6, seconds=self.random.randint(0, 7200))
            self.floor.later(at, self._create, number, day == 0)
        self.floor.later(start + timedelta(days=1, hours=7), self._morning)

    def _create(self, at: datetime, number: int, is_first: bool) -> None:
        popularity = min(self.random.paretovariate(1.2), 12.0)
        pace = UNITS_PER_DAY / ITEMS * popularity / 2.9
        shelf = Shelf(self._next_id, catalogue.item_fields(self.random, number), popularity, pace)
        self._next_id += self.random.randint(1, 4)
        self.floor.shelves[shelf.item_id] = shelf
        self.floor.record(at, "item_created", "items", shelf.item_id, {**shelf.fields, "created_at": at})
        if number % UNSTOCKED == 7:
            shelf.is_sold = False
            self.floor.move(at, "opening", shelf)
        elif is_first:
            arriving = self.random.choice((0, 0, 0, 10, 25))
            stock = ceil(pace * self.random.randint(10, 40)) + 6
            self.floor.move(
                at, "opening", shelf, supply=stock, receiving=arriving, delivered=self.random.randint(0, 400)
            )
            if arriving:
                self.floor.after(at, 24, 96, self._receive, shelf, arriving)
        else:
            self.floor.move(at, "opening", shelf)
            self.floor.later(at + timedelta(minutes=10), self._announce, shelf)
        if number % GIVEN_UP == 5:
            self.floor.later(at + timedelta(days=self.random.randint(45, 140)), self._give_up, shelf)

    def _morning(self, at: datetime) -> None:
        """Order what runs low; sometimes count or edit an item. Runs once a day."""
        for shelf in list(self.floor.shelves.values()):
            stock = shelf.supply + shelf.receiving - shelf.back_ordered
            is_low = shelf.is_sold and stock < shelf.units_per_day * 11 + 2
            if is_low or (shelf.back_ordered and not shelf.receiving):
                self.floor.after(at, 0, 8, self._announce, shelf)
        for _ in range(self._times(0.6)):
            self.floor.after(at, 0, 10, self._count)
        for _ in range(self._times(0.25)):
            self.floor.after(at, 0, 10, self._edit)
        self.floor.later(at + timedelta(days=1), self._morning)

    def _times(self, per_day: float) -> int:
        return int(per_day * self.scale + self.random.random())

    def _announce(self, at: datetime, shelf: Shelf) -> None:
        quantity = ceil((shelf.units_per_day * 28 + 8) / 5) * 5
        if self.random.random() < 0.04:
            # Announced and received between two records: the receipt cannot be told from a correction.
            rest = quantity // 3
            self.floor.move(at, "announced_and_received", shelf, announced=quantity, received=quantity - rest)
            self.on_receipt(at, shelf)
            self.floor.after(at, 30, 90, self._receive, shelf, rest)
            return
        self.floor.move(at, "announced", shelf, announced=quantity)
        fate = self.random.random()
        if fate < 0.04:
            self.floor.after(at, 24, 72, self._withdraw, shelf, quantity)
        elif fate < 0.25:
            first = quantity // 2
            self.floor.after(at, 48, 120, self._receive, shelf, first)
            self.floor.after(at, 120, 200, self._receive, shelf, quantity - first)
        else:
            self.floor.after(at, 48, 216 if fate < 0.9 else 480, self._receive, shelf, quantity)

    def _receive(self, at: datetime, shelf: Shelf, quantity: int) -> None:
        if quantity > 4 and self.random.random() < 0.1:
            short = self.random.randint(1, 3)
            self.floor.move(at, "received_short", shelf, received=quantity - short, announced=-short)
        else:
            self.floor.move(at, "received", shelf, received=quantity)
        self.on_receipt(at, shelf)

    def _withdraw(self, at: datetime, shelf: Shelf, quantity: int) -> None:
        self.floor.move(at, "withdrawn", shelf, announced=-quantity)

    def _count(self, at: datetime) -> None:
        shelf = self.random.choice(list(self.floor.shelves.values()))
        found = max(self.random.choice((-3, -2, -1, -1, 1, 2)), -shelf.supply)
        if not found or not shelf.is_sold:
            return
        self.floor.move(at, "counted", shelf, adjusted=found)
        if self.random.random() < 0.25:
            # Counted again within the same second: two records with one time.
            self.floor.move(at, "counted", shelf, adjusted=1)

    def _edit(self, at: datetime) -> None:
        shelf = self.random.choice(list(self.floor.shelves.values()))
        if not shelf.is_sold:
            return
        change = self.random.choice(("price", "price", "description", "name", "height_in"))
        value = {
            "price": shelf.fields["price"] + Decimal("1.25"),
            "description": f"Now even better: {shelf.fields['name']}",
            "name": f"{shelf.fields['name']} ★",
            "height_in": shelf.fields["height_in"] + Decimal("0.5"),
        }[change]
        if len(str(value)) > 200:
            return
        shelf.fields[change] = value
        self.floor.record(at, "item_edited", "items", shelf.item_id, {change: value})

    def _give_up(self, at: datetime, shelf: Shelf) -> None:
        """Discontinue an item; once nothing is in transit, write off its stock and delete it."""
        shelf.is_sold = False
        if shelf.ordered or shelf.prepared or shelf.receiving or shelf.back_ordered:
            self.floor.after(at, 24, 48, self._give_up, shelf)
            return
        if shelf.supply:
            self.floor.move(at, "written_off", shelf, adjusted=-shelf.supply)
        self.floor.record(at, "item_deleted", "items", shelf.item_id, None)
        del self.floor.shelves[shelf.item_id]
