"""Orders of a merchant, billed by hand-made cards: the facts that the pricing engine reads, and which are wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import pyarrow as pa

from logentic.transform.prices.facts import SCHEMA, Charges, read_facts

FIRST_DAY = date(2026, 1, 1)
REGIONS = ("QC", "ON", "BC", "AB", "NS", "MB", "SK", "NB")
CENT = Decimal("0.01")
Order = Mapping[str, Any]
Card = Callable[[Order], Decimal | str | float | None]


def cents(value: Decimal | str | float) -> Decimal:
    return Decimal(str(value)).quantize(CENT, ROUND_HALF_UP)


@dataclass
class Billed:
    """Charges as rows of facts, and the indexes and true amounts of those that are wrong."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    wrong: dict[int, Decimal] = field(default_factory=dict)

    def bill(self, orders: Sequence[Order], charge_type: str, card: Card, wrong: float = 0, seed: int = 1) -> "Billed":
        """Add a charge for each order that the card has a price for; a share of them wrong."""
        random = Random(f"{charge_type} {seed}")
        for order in orders:
            price = card(order)
            if price is None:
                continue
            amount = cents(price)
            if random.random() < wrong:
                self.wrong[len(self.rows)] = amount
                amount = spoiled(amount, random)
            self.rows.append({**order, "charge_id": len(self.rows) + 1, "charge_type": charge_type, "amount": amount})
        return self

    def charges(self, minor_unit: int = 100, lines: pa.Table | None = None) -> Charges:
        return read_facts(self.table(), minor_unit, lines)

    def table(self) -> pa.Table:
        return pa.Table.from_pylist([{name: row.get(name) for name in SCHEMA.names} for row in self.rows], SCHEMA)


def spoiled(amount: Decimal, random: Random) -> Decimal:
    """Return another amount: a price raised or lowered, units counted wrongly, digits exchanged, a doubled charge."""
    while True:
        wrong = random.choice(
            [
                amount * Decimal(random.choice(["1.1", "1.15", "1.25", "1.5", "2", "0.8"])),
                amount + Decimal(random.randint(-300, 900)) / 100,
                amount + random.choice([1, 2, 5, 10]),
            ]
        ).quantize(CENT, ROUND_HALF_UP)
        if wrong > 0 and abs(wrong - amount) > max(CENT, amount * Decimal("0.03")):
            return wrong


def orders(count: int, days: int = 240, seed: int = 1) -> list[dict[str, Any]]:
    """Return orders spread over days, with quantities and categories as a small merchant has them."""
    random = Random(seed)
    made: list[dict[str, Any]] = []
    per_month: dict[tuple[int, int], int] = {}
    for number in range(count):
        day = FIRST_DAY + timedelta(int(number * days / count))
        lines = min(random.choices([1, 2, 3, 4, 6], [50, 25, 13, 8, 4])[0], 6)
        is_b2b = random.random() < 0.12
        units = sum(random.choices([1, 2, 3, 5], [70, 18, 8, 4])[0] for _ in range(lines)) * (4 if is_b2b else 1)
        items = [random.choice(ITEMS) for _ in range(lines)]
        weight = sum(item[0] for item in items) * units / lines
        volume = sum(item[1] for item in items) * units / lines
        shipped = day + timedelta(random.choices([0, 1, 2, 4], [30, 50, 15, 5])[0])
        month = (shipped.year, shipped.month)
        per_month[month] = per_month.get(month, 0) + 1
        made.append(
            {
                "order_id": 10_000 + number,
                "ordered_date": day,
                "shipped_date": shipped,
                "charge_date": shipped,
                "billed_date": (shipped.replace(day=1) + timedelta(32)).replace(day=1),
                "units": Decimal(units),
                "lines": Decimal(lines),
                "weight": Decimal(f"{weight:.2f}"),
                "volume": Decimal(f"{volume:.3f}"),
                "heaviest_item": Decimal(str(max(item[0] for item in items))),
                "longest_side": Decimal(str(max(item[2] for item in items))),
                "value": Decimal(random.randint(900, 30_000)) / 100,
                "month_rank": Decimal(per_month[month]),
                "month": month,
                "order_type": "B2B" if is_b2b else "B2C",
                "warehouse": random.choices(["1", "2"], [70, 30])[0],
                "region": random.choices(REGIONS, [35, 30, 12, 9, 5, 4, 3, 2])[0],
            }
        )
    for order in made:
        order["month_orders"] = Decimal(per_month[order["month"]])
    return made


def _items() -> list[tuple[float, float, float]]:
    random = Random(7)
    return [
        (
            round(random.choice([random.uniform(0.2, 3), random.uniform(0.2, 3), random.uniform(1, 30)]), 2),
            round(random.uniform(0.02, 1.2), 3),
            round(random.uniform(3, 50), 1),
        )
        for _ in range(60)
    ]


ITEMS = _items()
