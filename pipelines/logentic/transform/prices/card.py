"""Define a price of a card: a formula, its conditions, and how both are read and written as configuration."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import cast

import numpy as np

from logentic.price_terms import ALWAYS, CATEGORIES, FOR_EVER, ChargeRate, Day
from logentic.transform.prices.facts import (
    DAYS,
    MISSING,
    QUANTITY_SCALE,
    RATE_SCALE,
    Booleans,
    Charges,
    Quantity,
    join,
)
from logentic.transform.prices.formulas import Formula, decimal

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, order=True)
class OneOf:
    """The charges of some values of a category, such as two regions."""

    name: str
    values: tuple[str, ...]

    def holds(self, charges: Charges) -> Booleans:
        if self.name == "zone":  # the format of earlier versions: a region, an order type or "warehouse 2"
            warehouses = tuple(value.removeprefix("warehouse ") for value in self.values)
            pairs = {"region": self.values, "order_type": self.values, "warehouse": warehouses}
            return np.asarray(np.logical_or.reduce([OneOf(*pair).holds(charges) for pair in pairs.items()]))
        codes = [code for code, label in enumerate(charges.labels[self.name]) if label in self.values]
        return np.isin(charges.column(self.name), codes)

    def words(self) -> str:
        return f"{self.name.replace('_', ' ')} {join((value or 'none' for value in self.values), 'or')}"

    def text(self) -> str:
        return "|".join(value.replace("%", "%25").replace("|", "%7C") for value in self.values)

    @classmethod
    def parse(cls, name: str, text: str) -> "OneOf":
        """Return the condition written as `ON|QC`; a bar within a value is %7C."""
        return cls(name, tuple(value.replace("%7C", "|").replace("%25", "%") for value in text.split("|")))


@dataclass(frozen=True, order=True)
class Range:
    """The charges with a quantity or day above `above`, and not above `upto`; either may be open."""

    quantity: Quantity
    above: int | None = None
    upto: int | None = None

    @property
    def name(self) -> str:
        return str(self.quantity)

    @property
    def is_time(self) -> bool:
        return self.quantity.column in DAYS

    def holds(self, charges: Charges) -> Booleans:
        values = charges.quantity(self.quantity)
        is_inside = values != MISSING
        if self.above is not None:
            is_inside = is_inside & (values > self.above)
        return np.asarray(is_inside if self.upto is None else is_inside & (values <= self.upto))

    def words(self) -> str:
        words = []
        if self.above is not None:
            is_tier = (self.above + 1) % 100 == 0  # the contract's limit has few decimals
            words.append(f"from {decimal(self.above + 1):f}" if is_tier else f"above {decimal(self.above):f}")
        words += [f"up to {decimal(self.upto):f}"] if self.upto is not None else []
        names = {"month_rank": "order number in the month", "month_orders": "orders of the month"}
        return f"{names.get(self.quantity.column) or str(self.quantity).replace('_', ' ')} {' '.join(words)}"

    def text(self) -> str:
        return "..".join("" if bound is None else f"{decimal(bound):f}" for bound in (self.above, self.upto))


Condition = OneOf | Range


@dataclass(frozen=True)
class Price:
    """The price of the charges of a type that meet all conditions."""

    charge_type: str
    conditions: tuple[Condition, ...]
    formula: Formula

    def holds(self, charges: Charges) -> Booleans:
        is_held = np.ones(len(charges), bool)
        for condition in self.conditions:
            is_held &= condition.holds(charges)
        return is_held

    @property
    def segment(self) -> str:
        return "; ".join(condition.words() for condition in self.categories)

    @property
    def tier(self) -> str:
        return "; ".join(c.words() for c in self.conditions if isinstance(c, Range) and not c.is_time)

    @property
    def narrowness(self) -> int:
        """The number of conditions, except the period."""
        return sum(not (isinstance(condition, Range) and condition.is_time) for condition in self.conditions)

    @property
    def categories(self) -> tuple[Condition, ...]:
        return tuple(condition for condition in self.conditions if isinstance(condition, OneOf))


def merge(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Merge conditions into one per name: of nested segments the innermost limits apply."""
    merged: dict[str, Condition] = {}
    for condition in conditions:
        outer = merged.get(condition.name)
        if isinstance(condition, Range) and isinstance(outer, Range):
            above = max((one.above for one in (outer, condition) if one.above is not None), default=None)
            upto = min((one.upto for one in (outer, condition) if one.upto is not None), default=None)
            merged[condition.name] = replace(condition, above=above, upto=upto)
        else:
            merged[condition.name] = condition
    return tuple(merged.values())


def read_price(terms: ChargeRate) -> Price:
    """Return the price that a row of the configuration, or of `learned_prices`, states."""
    conditions: list[Condition] = []
    for name, text in terms.segment.items():
        if name in (*CATEGORIES, "zone"):
            conditions.append(OneOf.parse(name, text))
        else:
            above, upto = (int(Decimal(bound) * QUANTITY_SCALE) if bound else None for bound in text.split(".."))
            conditions.append(Range(Quantity.parse(name), above, upto))
    # Types of charges are in lower case in the facts.
    quantity = None if terms.per == "none" else Quantity.parse(terms.per.lower(), int(terms.included * QUANTITY_SCALE))
    if terms.zone:
        conditions.append(OneOf("zone", (terms.zone,)))
    if quantity and terms.is_tier:
        # `from_quantity` is inclusive, this limit is not: subtract one ten-thousandth.
        above = None if terms.from_quantity is None else int(terms.from_quantity * QUANTITY_SCALE) - 1
        upto = None if terms.to_quantity is None else int(terms.to_quantity * QUANTITY_SCALE)
        conditions.append(Range(replace(quantity, after=0), above, upto))
    if (terms.valid_from, terms.valid_to) != (ALWAYS, FOR_EVER):
        above = None if terms.valid_from == ALWAYS else (terms.valid_from - EPOCH).days - 1
        upto = None if terms.valid_to == FOR_EVER else (terms.valid_to - EPOCH).days
        conditions.append(Range(Quantity(terms.valid_by), above, upto))
    pairs = [(int(terms.per_unit * RATE_SCALE), quantity)] if quantity else []
    if terms.and_per != "none":
        pairs.append((int(terms.and_per_unit * RATE_SCALE), Quantity.parse(terms.and_per.lower())))
    minimum, maximum = (None if v is None else int(v * QUANTITY_SCALE) for v in (terms.minimum, terms.maximum))
    formula = Formula(int(terms.fixed * QUANTITY_SCALE), tuple(pairs), minimum, maximum)
    return Price(terms.charge_type.lower(), tuple(conditions), formula)


def write_price(price: Price) -> ChargeRate:
    """Return a price as the configuration states it."""
    formula, days = price.formula, [c for c in price.conditions if isinstance(c, Range) and c.is_time]
    (rate, quantity), (and_rate, and_quantity) = (*formula.terms, (0, None), (0, None))[:2]
    above = max((c.above for c in days if c.above is not None), default=None)
    upto = min((c.upto for c in days if c.upto is not None), default=None)
    return ChargeRate(
        charge_type=price.charge_type,
        fixed=decimal(formula.fixed),
        per=str(replace(quantity, after=0)) if quantity else "none",
        per_unit=decimal(rate, RATE_SCALE),
        included=decimal(quantity.after) if quantity else Decimal(0),
        and_per=str(and_quantity) if and_quantity else "none",
        and_per_unit=decimal(and_rate, RATE_SCALE),
        minimum=None if formula.minimum is None else decimal(formula.minimum),
        maximum=None if formula.maximum is None else decimal(formula.maximum),
        segment={c.name: c.text() for c in price.conditions if c not in days},
        valid_by=cast(Day, days[0].quantity.column) if days else "charge_date",
        valid_from=ALWAYS if above is None else EPOCH + timedelta(above + 1),
        valid_to=FOR_EVER if upto is None else EPOCH + timedelta(upto),
    )
