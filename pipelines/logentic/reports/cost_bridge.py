"""Split the change of the cost from one period to another into volume, mix and price, exact to the cent.

For a charge type with cost C, quantity Q, and cells with cost c and quantity q, before (0) and after (1):

- volume = C0 / Q0 × (Q1 − Q0): more or fewer units, at the average price before;
- price = Σ (c1 − q1 × c0 / q0), over the cells of both periods: the same cell at another price;
- mix = the remainder: more or less expensive cells, and cells of one period only, which have no price to compare with.

A type without a quantity before counts entirely as volume. Source: price-volume-mix analysis with the prices of the
period before, as in C. Horngren et al., Cost Accounting, "flexible budgets" and "sales-mix and sales-quantity
variances". Costs, volume and price are rounded once per type; mix takes the rounding remainder, so that rows and
columns add up.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

DIGITS = 60  # of a quotient; amounts of the API have up to 38


@dataclass(frozen=True)
class Cell:
    """A group of charges with one price: its quantity and cost in both periods."""

    charge_type: str
    quantity_before: Decimal
    cost_before: Decimal
    quantity_after: Decimal
    cost_after: Decimal

    @property
    def is_comparable(self) -> bool:
        return self.quantity_before > 0 and self.quantity_after > 0

    @property
    def price_change(self) -> Decimal:
        """Return the extra cost of the quantity after, compared with the price before."""
        return self.cost_after - self.quantity_after * self.cost_before / self.quantity_before


@dataclass(frozen=True)
class Change:
    """The cost of a charge type, or of all, before and after: before + volume + mix + price = after.

    `compared` is the part of `after` that has a price before.
    """

    before: Decimal
    volume: Decimal
    mix: Decimal
    price: Decimal
    after: Decimal
    compared: Decimal

    @property
    def difference(self) -> Decimal:
        return self.after - self.before


def split_by_type(cells: Iterable[Cell], unit: Decimal) -> dict[str, Change]:
    """Return the change of each charge type, in multiples of `unit`, the currency's smallest amount."""
    by_type = defaultdict(list)
    for cell in cells:
        by_type[cell.charge_type].append(cell)
    return {name: _split(listed, unit) for name, listed in sorted(by_type.items())}


def sum_changes(changes: Iterable[Change]) -> Change:
    """Return the change of all types together."""
    listed = list(changes)
    return Change(*(sum((getattr(each, name) for each in listed), Decimal(0)) for name in Change.__dataclass_fields__))


def _split(cells: list[Cell], unit: Decimal) -> Change:
    with localcontext(prec=DIGITS):
        before, after, quantity_before, quantity_after = (
            sum((getattr(cell, name) for cell in cells), Decimal(0))
            for name in ("cost_before", "cost_after", "quantity_before", "quantity_after")
        )
        comparable = [cell for cell in cells if cell.is_comparable]
        price = sum((cell.price_change for cell in comparable), Decimal(0))
        volume = before * (quantity_after - quantity_before) / quantity_before if quantity_before else after - before
        compared = sum((cell.cost_after for cell in comparable), Decimal(0))
        before, after, volume, price, compared = (
            amount.quantize(unit, ROUND_HALF_UP) for amount in (before, after, volume, price, compared)
        )
        return Change(before, volume, after - before - volume - price, price, after, compared)
