"""Families of price formulas: how each is stated, proposed from charges, applied, and read from configuration."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from typing import ClassVar

import numpy as np

from logentic.currencies import decimal_text
from logentic.transform.prices.facts import (
    CHARGES_OF,
    COUNTS,
    MISSING,
    QUANTITY_SCALE,
    RATE_SCALE,
    Booleans,
    Charges,
    Integers,
    Quantity,
    join,
)
from logentic.transform.prices.thresholds import DEFAULT as LIMITS
from logentic.transform.prices.votes import differences, points_in_most

CENT = 100  # in ten-thousandths
SINGULAR = {
    "units": "unit",
    "lines": "line",
    "cartons": "carton",
    "quantity": "quantity billed",
    "weight": "lb",
    "volume": "cubic foot",
    "value": "the order's value",
}
DIVISORS = (115, 139, 166, 194, 250)  # cubic inches per pound, as carriers and fulfilment providers publish them
MOST_BASES = 5  # types whose charges a percentage may be of together
MOST_INCLUDED = 12  # units in the price of the first


@dataclass(frozen=True)
class Formula:
    """A price: fixed + Σ rate × quantity, at least `minimum`, at most `maximum`, rounded half up at the charge.

    Amounts are ten-thousandths, rates millionths per unit; `terms` are pairs of a rate and its quantity.
    """

    fixed: int = 0
    terms: tuple[tuple[int, Quantity], ...] = ()
    minimum: int | None = None
    maximum: int | None = None

    family: ClassVar[str] = ""
    needs_known: ClassVar[bool] = False  # whether it builds upon formulas of other families

    def exact(self, charges: Charges) -> Integers:
        """Return the prices before rounding, in ten-billionths; `MISSING` where a quantity is not known."""
        price = np.full(len(charges), self.fixed * RATE_SCALE)
        is_known = np.ones(len(charges), bool)
        for rate, quantity in self.terms:
            values = charges.quantity(quantity)
            is_known &= (values != MISSING) & (values <= -MISSING // 4 // max(abs(rate), 1))
            price = price + rate * np.where(is_known, values, 0)
        if self.minimum is not None:
            price = np.maximum(price, self.minimum * RATE_SCALE)
        if self.maximum is not None:
            price = np.minimum(price, self.maximum * RATE_SCALE)
        return np.where(is_known, price, MISSING)

    def expected(self, charges: Charges, minor_unit: int) -> Integers:
        """Return the prices rounded half up to `minor_unit` (ten-thousandths); `MISSING` where not known."""
        exact, unit = self.exact(charges), minor_unit * RATE_SCALE
        return np.where(exact == MISSING, MISSING, (2 * exact + unit) // (2 * unit) * minor_unit)

    def explains(self, charges: Charges, minor_unit: int) -> Booleans:
        """Tell which amounts are the price, rounded either way where it lies halfway."""
        exact = self.exact(charges)
        is_near = np.abs(charges.amounts * RATE_SCALE - exact) * 2 <= minor_unit * RATE_SCALE
        return np.asarray(is_near & (exact != MISSING))

    @property
    def has_fractions(self) -> bool:
        """Whether rounding can make a difference: a percentage, a rate below a cent, or a measured quantity."""
        return any(
            rate % (CENT * RATE_SCALE // QUANTITY_SCALE) or not quantity.has_whole_steps
            for rate, quantity in self.terms
        )

    @cached_property
    def cost(self) -> float:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        amounts = [self.fixed * RATE_SCALE // QUANTITY_SCALE] if self.fixed else []
        amounts += [bound * RATE_SCALE // QUANTITY_SCALE for bound in bounds]
        # Of a percentage, two decimals more are as common as cents are of an amount.
        numbers = [*amounts, *(rate * (100 if is_money(quantity) else 1) for rate, quantity in self.terms)]
        discovered = sum(quantity.divisor > 0 or quantity.after > QUANTITY_SCALE for _, quantity in self.terms)
        return (
            LIMITS.price
            + sum(LIMITS.parameter + _roughness(number) for number in numbers)
            + LIMITS.second_quantity * (len(self.terms) > 1)
            + LIMITS.discovered * discovered
            # Contracts state "for the first" of what is counted, "plus" of what is measured, and take nothing off.
            + sum(0.05 if quantity.column in COUNTS else 0.5 for _, quantity in self.terms if quantity.after)
            + LIMITS.discovered * (self.fixed < 0)
        )

    @classmethod
    def propose(cls, charges: Charges, known: Iterable["Formula"], minor_unit: int) -> Iterator["Formula"]:
        """Yield formulas of this family that some of the charges follow exactly."""
        return iter(())

    def sentence(self) -> str:
        """Return the price as a contract states it."""
        raise NotImplementedError

    def with_bounds(self, sentence: str) -> str:
        sentence += f", at least {amount(self.minimum)}" if self.minimum is not None else ""
        return sentence + (f", at most {amount(self.maximum)}" if self.maximum is not None else "")


class Fixed(Formula):
    """One amount for each charge."""

    family = "fixed"

    @classmethod
    def propose(cls, charges: Charges, known: Iterable[Formula], minor_unit: int) -> Iterator[Formula]:
        amounts, counts = np.unique(charges.amounts, return_counts=True)
        for index in np.argsort(-counts, kind="stable")[: LIMITS.constants]:
            if counts[index] > 1:
                yield cls(int(amounts[index]))

    def sentence(self) -> str:
        return self.with_bounds(amount(self.fixed))


class PerUnit(Formula):
    """A rate for each unit of one quantity, beside a fixed part or not."""

    family = "per unit"

    @classmethod
    def quantities(cls, charges: Charges) -> list[Quantity]:
        return quantities(charges)

    @classmethod
    def propose(cls, charges: Charges, known: Iterable[Formula], minor_unit: int) -> Iterator[Formula]:
        for quantity in cls.quantities(charges):
            values = charges.quantity(quantity)
            counted = charges.take(values > 0)
            yield from (cls(terms=((rate, quantity),)) for rate in _rates(counted, quantity, minor_unit))
            for rate in differences(charges, charges.amounts, values, minor_unit):
                line = cls(terms=((rate, quantity),))
                yield from (replace(line, fixed=fixed) for fixed in _fixed_parts(line, charges, minor_unit))

    def sentence(self) -> str:
        ((rate, quantity),) = self.terms
        start = f"{amount(self.fixed)} plus " if self.fixed else ""
        return self.with_bounds(f"{start}{per(rate, quantity)}")


class DimensionalWeight(PerUnit):
    """A rate per started pound of the larger of actual and dimensional weight."""

    family = "dimensional weight"

    @classmethod
    def quantities(cls, charges: Charges) -> list[Quantity]:
        return [Quantity("weight", started=True, divisor=divisor) for divisor in DIVISORS if quantities(charges)]


class FirstAndAdditional(Formula):
    """A price for the first n units, and a rate for each additional one."""

    family = "first and additional"
    needs_known = True

    @classmethod
    def propose(cls, charges: Charges, known: Iterable[Formula], minor_unit: int) -> Iterator[Formula]:
        lines = {f.terms[0]: None for f in known if isinstance(f, PerUnit) and f.terms[0][1].has_whole_steps}
        for quantity in {quantity for _, quantity in lines}:
            for after in range(QUANTITY_SCALE, (MOST_INCLUDED + 1) * QUANTITY_SCALE, QUANTITY_SCALE):
                values = charges.quantity(quantity)
                amounts, counts = np.unique(charges.amounts[(values <= after) & (values > 0)], return_counts=True)
                if len(amounts):
                    first, rest = int(amounts[np.argmax(counts)]), replace(quantity, after=after)
                    yield from (cls(first, ((rate, rest),)) for rate, of in lines if of == quantity)

    def sentence(self) -> str:
        ((rate, quantity),) = self.terms
        count = decimal(quantity.after)
        if is_money(quantity):
            start = f"{amount(self.fixed)} plus " if self.fixed else ""
            return self.with_bounds(f"{start}{per(rate, replace(quantity, after=0))} above {amount(quantity.after)}")
        first = f"first {unit(quantity)}" if count == 1 else f"first {count:f} {plural(quantity)}"
        return self.with_bounds(f"{amount(self.fixed)} for the {first}, {price(rate)} for each additional one")


class TwoQuantities(Formula):
    """Rates for two quantities, such as lines and units."""

    family = "two quantities"

    @classmethod
    def propose(cls, charges: Charges, known: Iterable[Formula], minor_unit: int) -> Iterator[Formula]:
        countable = [quantity for quantity in quantities(charges) if quantity.column in COUNTS]
        for held in countable:
            for moving in quantities(charges):
                if moving.column == held.column:
                    continue
                # Charges with the same held quantity differ by the other one alone.
                alike = charges.quantity(held)
                for rate in differences(charges, charges.amounts, charges.quantity(moving), minor_unit, alike)[:2]:
                    rest = charges.amounts - rate * charges.quantity(moving) // RATE_SCALE
                    for held_rate in differences(charges, rest, charges.quantity(held), minor_unit)[:3]:
                        line = cls(terms=tuple(sorted(((rate, moving), (held_rate, held)), key=lambda t: t[1].column)))
                        yield from (replace(line, fixed=f) for f in (0, *_fixed_parts(line, charges, minor_unit)[:1]))

    def sentence(self) -> str:
        parts = [amount(self.fixed)] if self.fixed else []
        return self.with_bounds(join([*parts, *(per(rate, quantity) for rate, quantity in self.terms)], "plus"))


class Percentage(Formula):
    """A percentage of the order's value or of its other charges."""

    family = "percentage"

    @classmethod
    def propose(cls, charges: Charges, known: Iterable[Formula], minor_unit: int) -> Iterator[Formula]:
        singles = [name for name in charges.columns if name == "value" or name.startswith(CHARGES_OF)]
        types = [name.removeprefix(CHARGES_OF) for name in singles if name != "value" and _varies(charges.column(name))]
        sums = [subset for size in range(2, MOST_BASES + 1) for subset in combinations(types[:MOST_BASES], size)]
        sums += [tuple(types)] if len(types) > MOST_BASES else []
        for quantity in map(Quantity, [*singles, *(CHARGES_OF + " + ".join(subset) for subset in sums)]):
            if not _varies(charges.quantity(quantity)):
                continue
            counted = charges.take(charges.quantity(quantity) > 0)
            yield from (cls(terms=((rate, quantity),)) for rate in _rates(counted, quantity, minor_unit))
            if quantity.column not in singles:
                continue
            for day in ("billed_date", "charge_date"):
                for part in _weeks(counted, day):
                    yield from (cls(terms=((r, quantity),)) for r in _rates(part, quantity, minor_unit)[:1])

    def sentence(self) -> str:
        ((rate, quantity),) = self.terms
        start = f"{amount(self.fixed)} plus " if self.fixed else ""
        return self.with_bounds(f"{start}{per(rate, quantity)}")


class Bounded(Formula):
    """Not a family of its own: proposes minima and maxima, and additions to formulas that are known."""

    @classmethod
    def propose(cls, charges: Charges, known: Iterable[Formula], minor_unit: int) -> Iterator[Formula]:
        for formula in known:
            exact = formula.exact(charges)
            off = (exact != MISSING) & ~formula.explains(charges, minor_unit)
            billed, priced = charges.amounts[off], exact[off] // RATE_SCALE
            gaps, counts = np.unique(billed - (priced + CENT // 2) // CENT * CENT, return_counts=True)
            for index in np.argsort(-counts, kind="stable")[:3]:
                if counts[index] >= LIMITS.alike and formula.fixed + gaps[index] > 0:
                    yield replace(formula, fixed=formula.fixed + int(gaps[index]))
            if not formula.terms:
                continue
            for is_minimum in (True, False):
                beyond = billed[billed > priced if is_minimum else billed < priced]
                amounts, counts = np.unique(beyond, return_counts=True)
                for index in np.argsort(-counts, kind="stable")[:2]:
                    if counts[index] >= LIMITS.alike:
                        bound = int(amounts[index])
                        yield replace(formula, minimum=bound) if is_minimum else replace(formula, maximum=bound)


def quantities(charges: Charges) -> list[Quantity]:
    """Return the quantities that differ between the charges, the commonest in contracts first."""
    found = [Quantity(column) for column in COUNTS]
    for column in ("weight", "volume"):
        found += [Quantity(column, started=True), Quantity(column)]
    return [quantity for quantity in found if _varies(charges.quantity(quantity))]


def _weeks(charges: Charges, day: str) -> Iterator[Charges]:
    weeks = charges.column(day) // 7
    order = np.argsort(weeks, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(weeks[order])) + 1):
        if len(rows) >= LIMITS.alike:
            yield charges.take(rows)


def _varies(values: Integers) -> bool:
    """Tell whether a quantity is known for most charges, and is not the same for nearly all of them."""
    known = values[values != MISSING]
    if len(known) * 2 <= len(values):
        return False
    return bool((known != np.sort(known)[len(known) // 2]).mean() > LIMITS.solved_share)


def _rates(charges: Charges, quantity: Quantity, minor_unit: int) -> list[int]:
    """Return the rates through the origin that most charges allow."""
    values, half = charges.quantity(quantity), minor_unit * RATE_SCALE // 2
    billed = charges.amounts * RATE_SCALE
    return points_in_most(-((half - billed) // values), (billed + half) // values)


def _fixed_parts(line: Formula, charges: Charges, minor_unit: int) -> list[int]:
    """Return the fixed parts that most charges have beside a formula."""
    exact = line.exact(charges)
    rest, half = (charges.amounts * RATE_SCALE - exact)[exact != MISSING], minor_unit * RATE_SCALE // 2
    # One ten-thousandth less on either side: an amount that only fits when rounded down is not proposed.
    return points_in_most(-((half - rest) // RATE_SCALE) + 1, (rest + half) // RATE_SCALE - 1, 3, QUANTITY_SCALE)


def is_money(quantity: Quantity) -> bool:
    return quantity.column == "value" or quantity.column.startswith(CHARGES_OF)


def _roughness(millionths: int) -> float:
    """Return what it costs to state a number beyond its being there: prices are round, or have few decimals."""
    for step, cost in ((1_000_000, 0.0), (500_000, 0.05), (250_000, 0.1), (100_000, 0.1), (50_000, 0.2), (10_000, 0.3)):
        if millionths % step == 0:
            return cost
    finer = next(digits for digits, step in enumerate((1_000, 100, 10, 1), 1) if millionths % step == 0)
    return 0.3 + LIMITS.finer_decimal * finer


def decimal(number: int, scale: int = QUANTITY_SCALE) -> Decimal:
    """Return an integer of the engine as the decimal it stands for, without needless zeros."""
    exact = Decimal(number) / scale
    return exact.quantize(Decimal(1)) if exact == exact.to_integral() else exact.normalize()


def amount(number: int | None) -> str:
    return decimal_text(decimal(number or 0))


def price(rate: int) -> str:
    return decimal_text(decimal(rate, RATE_SCALE))


def per(rate: int, quantity: Quantity) -> str:
    """Return a rate and what it is for: "0.45 per unit", "8.25 % of the charges of shipping"."""
    if is_money(quantity):
        return f"{decimal(rate * 100, RATE_SCALE):f} % of {unit(quantity)}"
    after = f" after the first {decimal(quantity.after):f}" if quantity.after else ""
    return f"{price(rate)} per {unit(quantity)}{after}"


def unit(quantity: Quantity) -> str:
    name = SINGULAR.get(quantity.column, "the " + quantity.column)
    weight = f" of dimensional weight (divisor {quantity.divisor})" if quantity.divisor else ""
    return f"{'started ' * quantity.started}{name}{weight}"


def plural(quantity: Quantity) -> str:
    return unit(replace(quantity, after=0)).replace("cubic foot", "cubic feet").removesuffix("s") + "s"
