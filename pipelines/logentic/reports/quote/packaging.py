"""Price a history again with measured sizes in place of the items' own."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from logentic.errors import UsageError
from logentic.price_terms import CUBIC_INCHES
from logentic.reports.quote.history import PricedHistory
from logentic.reports.quote.pricing import ZERO, CardCosts, Orders, price_card, price_storage, read_orders, rounded
from logentic.resources import SIDES
from logentic.secret_files import error_text
from logentic.transform.prices.facts import QUANTITY_SCALE

COLUMNS = ("item", *SIDES, "weight")
MOST_INCHES_OR_POUNDS = Decimal(100_000)
FOUR_DIGITS = Decimal("0.0001")


@dataclass(frozen=True)
class Measured:
    """An item's measured size; None where it keeps its own."""

    item: str  # SKU or id
    line: int
    cubic_feet: Decimal | None
    longest_side: Decimal | None
    weight: Decimal | None


@dataclass(frozen=True)
class PackagingEffect:
    """What measured sizes change in a card's cost of an item, in the period and in a year."""

    card: str
    item_id: int
    sku: str | None
    orders: Decimal
    storage: Decimal
    per_year: Decimal

    @property
    def total(self) -> Decimal:
        return self.orders + self.storage


def read_measured(path: Path) -> list[Measured]:
    """Return the rows of a CSV file with the columns item, width_in, depth_in, height_in and weight."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"item"} < set(rows.fieldnames or ()) <= set(COLUMNS):
                raise UsageError(
                    f"{path}:1: the columns are not {', '.join(COLUMNS)}", "Leave out weight or the sides."
                )
            measured = [_measured(path, rows.line_num, row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error_text(error) if isinstance(error, OSError) else "it is no CSV file in UTF-8"
        raise UsageError(f"{path}: {reason}", "Name a CSV file of measured items.") from None
    seen: set[str] = set()
    for one in measured:
        if one.item in seen:
            raise UsageError(f"{path}:{one.line}: {one.item} was measured above", "Leave one of the rows.")
        seen.add(one.item)
    return measured


def _measured(path: Path, line: int, row: dict[str, Any]) -> Measured:
    values: dict[str, Decimal | None] = {}
    for name in (*SIDES, "weight"):
        text = (row.get(name) or "").strip()
        try:
            values[name] = Decimal(text) if text else None
        except InvalidOperation:
            values[name] = Decimal("NaN")
        value = values[name]
        if value is not None and not (value.is_finite() and 0 < value < MOST_INCHES_OR_POUNDS):
            raise UsageError(f"{path}:{line}: {name} = {text} is no size", "Write inches and pounds, such as 12.5.")
    sides = [value for name in SIDES if (value := values[name]) is not None]
    if sides and len(sides) < len(SIDES):
        raise UsageError(
            f"{path}:{line}: only {len(sides)} of three sides are given", "Measure all, or leave all empty."
        )
    if not (row["item"] or "").strip():
        raise UsageError(f"{path}:{line}: item is empty", "Write the item's SKU or id.")
    volume = sides[0] * sides[1] * sides[2] / CUBIC_INCHES if sides else None
    cubic_feet = None if volume is None else volume.quantize(FOUR_DIGITS, ROUND_HALF_UP)
    return Measured(row["item"].strip(), line, cubic_feet, max(sides, default=None), values["weight"])


def price_packaging(
    history: PricedHistory, before: list[CardCosts], orders: Orders, measured: list[Measured], path: Path
) -> list[PackagingEffect]:
    """Return what measured sizes change, by card and item; an order's change is split over its items by units."""
    items = history.rows("select item_id, sku from items order by item_id")
    by_name = {str(row["item_id"]): row for row in items} | {row["sku"]: row for row in items if row["sku"]}
    if unknown := [one for one in measured if one.item not in by_name]:
        raise UsageError(f"{path}:{unknown[0].line}: no item {unknown[0].item!r}", "Write the item's SKU or id.")
    ids = {by_name[one.item]["item_id"]: by_name[one.item]["sku"] for one in measured}
    history.measure([(by_name[one.item]["item_id"], one.cubic_feet, one.weight, one.longest_side) for one in measured])
    again = read_orders(history, orders.minor_unit)
    cent = Decimal(orders.minor_unit) / QUANTITY_SCALE
    shares = _units_of_measured(history, again)
    found = []
    for priced in before:
        after = price_card(priced.card, again)
        if priced.card.storage:
            price_storage(after, again, cent)
        moved = np.sum(list(after.by_order.values()), axis=0) - sum(priced.by_order[name] for name in after.by_order)
        in_orders: dict[int, Fraction] = defaultdict(Fraction)
        for at in np.flatnonzero(moved).tolist():
            units = shares.get(at, {})
            for item_id, count in units.items():
                in_orders[item_id] += (
                    Fraction(int(moved[at]), QUANTITY_SCALE) * Fraction(count) / Fraction(sum(units.values()))
                )
        stored: dict[int, Decimal] = defaultdict(Decimal)
        for part, sign in ((after, 1), (priced, -1)):
            for (_, item), amount in part.storage.items():
                if item is not None:
                    stored[item] += sign * amount
        for item_id, sku in ids.items():
            change = rounded(in_orders[item_id], cent), stored[item_id]
            per_year = rounded(Fraction(sum(change, ZERO)) * 12 / len(orders.months), cent)
            found.append(PackagingEffect(priced.card.name, item_id, sku, *change, per_year))
    return sorted(found, key=lambda one: (one.card, -abs(one.total), one.item_id))


def _units_of_measured(history: PricedHistory, orders: Orders) -> dict[int, dict[int, Decimal]]:
    """Return the units of measured items in each order, by its position."""
    positions = {order_id: at for at, order_id in enumerate(orders.ids)}
    units: dict[int, dict[int, Decimal]] = defaultdict(dict)
    for row in history.rows(
        "select order_id, item_id, sum(quantity) as units from quote_lines"
        " where item_id in (select item_id from measured_items) and quantity > 0 group by order_id, item_id"
    ):
        units[positions[row["order_id"]]][row["item_id"]] = row["units"]
    return units
