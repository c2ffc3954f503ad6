"""Prices as a contract states them, and the exact amount that each gives for one order."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

ZERO = Decimal(0)
Step = tuple[Decimal, Decimal]  # (up to and including this quantity, amount)
ENDLESS = Decimal(10**9)


class Facts(Protocol):
    """What a price may depend on: drivers of an order (units, lines, weight…), as a whole or line by line."""

    def of(self, driver: str) -> Decimal: ...
    def lines_of(self, driver: str) -> list[tuple[Decimal, Decimal]]: ...  # (the driver for one unit, units)


def rounded(amount: Decimal, digits: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


@dataclass(frozen=True)
class Part:
    """An amount for each unit of a driver after the first `above`."""

    driver: str
    amount: Decimal
    above: int = 0


@dataclass(frozen=True)
class Price:
    """One price: what is set is added up, then held within minimum and maximum, then rounded half up.

    `table`: an amount by the step in which the driver lies; `over`: more for each unit above the last step's start.
    `graduated`: each unit at the amount of its own step. `whole`: all units at the amount of the last unit's step.
    `markup`: a percentage on top of all of it. `rounding`: charge, or unit or line (parts are then rounded one by one).
    """

    fixed: Decimal = ZERO
    parts: tuple[Part, ...] = ()
    driver: str = ""
    table: tuple[Step, ...] = ()
    over: Decimal = ZERO
    graduated: tuple[Step, ...] = ()
    whole: tuple[Step, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    markup: Decimal = ZERO
    rounding: str = "charge"

    def amount(self, facts: Facts, digits: int) -> Decimal:
        total = self.fixed + sum((self._part(part, facts, digits) for part in self.parts), ZERO)
        quantity = facts.of(self.driver) if self.driver else ZERO
        if self.table:
            total += step_of(self.table, quantity)[1]
            if self.over and len(self.table) > 1 and quantity > self.table[-2][0]:
                total += self.over * (quantity - self.table[-2][0])
        below = ZERO
        for up_to, amount in self.graduated:
            total += amount * max(min(quantity, up_to) - below, ZERO)
            below = up_to
        if self.whole:
            total += quantity * step_of(self.whole, quantity)[1]
        total *= 1 + self.markup / 100
        if self.minimum is not None:
            total = max(total, self.minimum)
        if self.maximum is not None:
            total = min(total, self.maximum)
        return rounded(total, digits)

    def _part(self, part: Part, facts: Facts, digits: int) -> Decimal:
        if self.rounding == "unit":
            return sum((rounded(part.amount * one, digits) * units for one, units in facts.lines_of(part.driver)), ZERO)
        if self.rounding == "line":
            return sum((rounded(part.amount * one * units, digits) for one, units in facts.lines_of(part.driver)), ZERO)
        return part.amount * max(facts.of(part.driver) - part.above, ZERO)

    def constants(self, facts: Facts, digits: int) -> Iterator[frozenset[Decimal]]:
        """Yield the figures of the contract that this order's amount depends on, each with its other spellings."""
        amount = self.amount(facts, digits)
        if amount in (self.minimum, self.maximum):
            yield frozenset({amount})
            return
        first = next((part for part in self.parts if part.driver == "units" and part.above <= 1), None)
        if self.fixed:
            # Every order has a first unit: "3.00 and 0.50 a unit" and "3.50 the first, 0.50 each more" are one price.
            shift = first.amount if first and self.rounding == "charge" else ZERO
            yield frozenset({self.fixed, self.fixed - shift if first and first.above else self.fixed + shift})
        for part in self.parts:
            if facts.of(part.driver) > part.above:
                yield frozenset({part.amount, part.amount * 100})
        quantity = facts.of(self.driver) if self.driver else ZERO
        for steps in (self.table, self.whole):
            if steps:
                yield frozenset({step_of(steps, quantity)[1]})
        if self.over and quantity > self.table[-2][0]:
            yield frozenset({self.over})
        below = ZERO
        for up_to, price in self.graduated:
            if quantity > below:
                yield frozenset({price})
            below = up_to
        if self.markup:
            yield frozenset({self.markup, self.markup / 100})

    def sentence(self) -> str:
        """State the price as a contract does."""
        said = []
        extra = {part.driver: part for part in self.parts if part.above}
        if self.fixed:
            units = extra.get("units")
            plural = f"the first {units.above} units" if units and units.above > 1 else "the first unit"
            said.append(f"{self.fixed} for {plural}" if units else f"{self.fixed} per charge")
        for part in self.parts:
            name = NAMES.get(part.driver, part.driver)
            if part.driver in PERCENTAGES:
                said.append(f"{part.amount * 100:f} % of {name}")
            elif part.above:
                said.append(f"{part.amount} for each {name} after the first {part.above}")
            else:
                said.append(f"{part.amount} per {name}")
        name = NAMES.get(self.driver, self.driver)
        for label, steps in (("", self.table), (" each", self.graduated), (" each, for all", self.whole)):
            below = ZERO
            for up_to, amount in steps:
                span = f"above {below:f}" if up_to == ENDLESS else f"up to {up_to:f}"
                said.append(f"{amount}{label} {span} ({name})")
                below = up_to
        if self.over:
            said.append(f"{self.over} for each {name} more")
        if self.markup:
            said.append(f"plus {self.markup:f} %")
        if self.minimum is not None:
            said.append(f"at least {self.minimum}")
        if self.maximum is not None:
            said.append(f"at most {self.maximum}")
        if self.rounding != "charge":
            said.append(f"rounded per {self.rounding}")
        return ", ".join(said)


def step_of(steps: tuple[Step, ...], quantity: Decimal) -> Step:
    return next(step for step in steps if quantity <= step[0])


PERCENTAGES = ("value", "shipping")
NAMES = {
    "units": "unit",
    "lines": "line",
    "weight": "lb",
    "started_weight": "started lb",
    "dim_166": "lb of the greater of actual and dimensional weight (in³ / 166), started",
    "dim_139": "lb of the greater of actual and dimensional weight (in³ / 139), started",
    "volume": "cubic foot",
    "value": "the goods' value",
    "shipping": "the order's shipping",
    "heavy_units": "unit above 20 lb",
    "hazmat_units": "hazardous unit",
    "bare_units": "unit that is not prepackaged",
    "oversize_units": "unit with a side above 48 in",
    "cartons": "carton",
    "quantity": "unit of the charge",
}
