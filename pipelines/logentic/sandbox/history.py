"""Inventory history: the stock of every item at the end of every day, its volume and storage price."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from logentic.sandbox.days import ONE_DAY, Days, month_start
from logentic.sandbox.events import AccountEvent, Row, effect

CENT, MICRO, TEN_THOUSANDTH = Decimal("0.01"), Decimal("0.000001"), Decimal("0.0001")
CUBIC_INCHES_PER_CUBIC_FOOT = 1728
SIDES = ("width_in", "depth_in", "height_in")

Rates = Sequence[tuple[date, Decimal]]


def cubic_feet(fields: Mapping[str, Any]) -> Decimal:
    """Return an item's volume in cubic feet."""
    width, depth, height = (fields[side] for side in SIDES)
    volume: Decimal = width * depth * height / CUBIC_INCHES_PER_CUBIC_FOOT
    return volume.quantize(TEN_THOUSANDTH, ROUND_HALF_UP)


def storage_price(volume: Decimal, rates: Rates, day: date) -> Decimal:
    """Return the price of a day's storage by that day's rate per cubic foot."""
    rate = next(rate for valid_from, rate in reversed(rates) if valid_from <= day)
    return (volume * rate).quantize(MICRO, ROUND_HALF_UP)


class _Item:
    """An item and its current counters."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)
        self.cubic_size = cubic_feet(fields)
        self.supply = self.receiving = self.prepared = 0


class History:
    """Follow the events and close each day that has ended."""

    def __init__(self, days: Days, first: date, rates: Rates) -> None:
        self.today = first
        self.rows: dict[date, dict[int, Row]] = {}
        self._days, self._rates = days, rates
        self._midnight = days.start(first + ONE_DAY)
        self._items: dict[int, _Item] = {}
        self._priced: dict[int, dict[date, Row]] = {}
        self._emptied: set[date] = set()
        self._restated: dict[tuple[int, date], Mapping[str, Any] | None] = {}

    def pass_to(self, at: datetime) -> None:
        """Close every day that has ended by a moment."""
        while at >= self._midnight:
            self.rows[self.today] = self.day_so_far()
            for item_id in self._items:
                row = self._row(item_id)
                self._priced.setdefault(item_id, {})[self.today] = row
            self.today += ONE_DAY
            self._midnight = self._days.start(self.today + ONE_DAY)

    def apply(self, event: AccountEvent) -> None:
        """Apply an event of items, quantities or history."""
        if event.resource == "item_quantities":
            if item := self._items.get(event.key):
                supply, receiving, prepared, _, _ = effect(event)
                item.supply += supply
                item.receiving += receiving
                item.prepared += prepared
        elif event.resource == "items":
            self._take_item(event)
        elif event.resource == "inventory_history":
            self.restate(event.key, event.change)

    def _take_item(self, event: AccountEvent) -> None:
        if event.change is None:
            self._items.pop(event.key, None)
        elif item := self._items.get(event.key):
            item.fields.update(event.change)
            item.cubic_size = cubic_feet(item.fields)
        else:
            self._items[event.key] = _Item(event.change)

    def day_so_far(self) -> dict[int, Row]:
        """Return today's rows as they are now."""
        rows = {item_id: self._row(item_id) for item_id in self._items}
        for (item_id, day), change in self._restated.items():
            if day == self.today:
                self._alter(rows, item_id, day, change)
        return rows

    def restate(self, key: tuple[int, date], change: Mapping[str, Any] | None) -> None:
        """Change, add or remove a row."""
        item_id, day = key
        if day in self.rows:
            self._alter(self.rows[day], item_id, day, change)
        else:
            self._restated[key] = change

    def _alter(self, rows: dict[int, Row], item_id: int, day: date, change: Mapping[str, Any] | None) -> None:
        if change is None:
            rows.pop(item_id, None)
        else:
            rows[item_id] = Row((rows.get(item_id) or self._row(item_id)) | {"date": day} | dict(change))

    def restate_after_count(self, item_id: int, found: int, span: int) -> None:
        """Restate the days before a count; once a month one of them becomes empty."""
        for back in range(1, span + 1):
            day = self.today - ONE_DAY * back
            row = self.rows.get(day, {}).get(item_id)
            if row and row["supply"] + found >= 0:
                self.restate((item_id, day), {"supply": row["supply"] + found})
        if self.today.day > span and month_start(self.today) not in self._emptied:
            self._emptied.add(month_start(self.today))
            self.rows[self.today - ONE_DAY * span] = {}

    def priced(self, item_id: int | None, start: date, end: date) -> Iterator[Row]:
        """Return the priced item-days of a span, of one item or of all."""
        for by_day in self._priced.values() if item_id is None else [self._priced.get(item_id, {})]:
            day = start
            while day <= end:
                if day in by_day:
                    yield by_day[day]
                day += ONE_DAY

    def storage(self, item_id: int | None, start: date, end: date) -> dict[str, Any]:
        """Return the storage charge of a span: the sum of daily prices, rounded to cents once."""
        rows = list(self.priced(item_id, start, end))
        amount = sum((row["total_storage_price"] for row in rows), Decimal(0))
        return {
            "end": max((row["date"] for row in rows), default=start),
            "quantity": len(rows),
            "total_volume": sum((row["total_volume"] for row in rows), Decimal(0)),
            "amount": amount.quantize(CENT, ROUND_HALF_UP),
        }

    def storage_by_basis(self, item_id: int | None, start: date, end: date) -> dict[str, Decimal]:
        """Return the cost of a span by each basis by which warehouses bill storage."""
        by_day: dict[date, Decimal] = {}
        for row in self.priced(item_id, start, end):
            by_day[row["date"]] = by_day.get(row["date"], Decimal(0)) + row["total_storage_price"]
        days = (max(by_day) - start).days + 1
        amounts = {
            "daily": sum(by_day.values(), Decimal(0)),
            "month_end": by_day[max(by_day)] * days,
            "peak": max(by_day.values()) * days,
        }
        return {basis: amount.quantize(CENT, ROUND_HALF_UP) for basis, amount in amounts.items()}

    def _row(self, item_id: int) -> Row:
        item = self._items[item_id]
        volume = item.cubic_size * (item.supply + item.prepared)
        return Row(
            id=item_id,
            name=item.fields["name"],
            external_name=item.fields["external_name"],
            cubic_size=item.cubic_size,
            weight=item.fields["weight"],
            date=self.today,
            total_volume=volume,
            total_storage_price=storage_price(volume, self._rates, self.today),
            prepared=item.prepared,
            receiving=item.receiving,
            supply=item.supply,
        )
