"""Define price formulas: how each is applied and stated, and how each kind is proposed from charges."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from itertools import combinations, pairwise

import numpy as np

from logentic.currencies import decimal_text
from logentic.transform.prices.facts import (
    CHARGES_OF,
    COUNTS,
    ITEM_FLAGS,
    ITEM_MEASURES,
    MISSING,
    OF_ITEMS,
    QUANTITY_SCALE,
    RATE_SCALE,
    Booleans,
    Charges,
    Integers,
    Quantity,
    join,
)
from logentic.transform.prices.thresholds import DEFAULT as LIMITS
from logentic.transform.prices.votes import differences, fewest_decimals, points_in_most

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
MOST_BASES = 5  # types whose charges a percentage may apply to together
MOST_INCLUDED = 12  # units included in the first price


@dataclass(frozen=True)
class Formula:
    """A price: fixed + Σ rate × quantity, at least `minimum`, at most `maximum`, rounded half up at the charge.

    Amounts are ten-thousandths, rates millionths per unit; `terms` are pairs of a rate and its quantity.
    """

    fixed: int = 0
    terms: tuple[tuple[int, Quantity], ...] = ()
    minimum: int | None = None
    maximum: int | None = None

    def exact(self, charges: Charges) -> Integers:
        """Return the prices before rounding, in ten-billionths; `MISSING` if a quantity is unknown."""
        price = np.full(len(charges), self.fixed * RATE_SCALE)
        is_known = np.ones(len(charges), bool)
        for rate, quantity in self.terms:
            values = quantity.priced(rate, charges)
            is_known &= values != MISSING
            price = price + np.where(is_known, values, 0)
        if self.minimum is not None:
            price = np.maximum(price, self.minimum * RATE_SCALE)
        if self.maximum is not None:
            price = np.minimum(price, self.maximum * RATE_SCALE)
        return np.where(is_known, price, MISSING)

    def expected(self, charges: Charges) -> Integers:
        """Return the prices rounded half up to the currency's smallest amount; `MISSING` if unknown."""
        exact, unit = self.exact(charges), charges.minor_unit * RATE_SCALE
        return np.where(exact == MISSING, MISSING, (2 * exact + unit) // (2 * unit) * charges.minor_unit)

    def explains(self, charges: Charges) -> Booleans:
        """Return which amounts equal the price, rounded either way at exactly half."""
        exact = self.exact(charges)
        is_near = np.abs(charges.amounts * RATE_SCALE - exact) * 2 <= charges.minor_unit * RATE_SCALE
        return np.asarray(is_near & (exact != MISSING))

    @property
    def has_fractions(self) -> bool:
        """Whether rounding can matter: a percentage, a rate below a cent, or a measured quantity."""
        return any(
            not quantity.each and (rate % (CENT * RATE_SCALE // QUANTITY_SCALE) or not quantity.has_whole_steps)
            for rate, quantity in self.terms
        )

    @cached_property
    def cost(self) -> float:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        amounts = [self.fixed * RATE_SCALE // QUANTITY_SCALE] if self.fixed else []
        amounts += [bound * RATE_SCALE // QUANTITY_SCALE for bound in bounds]
        # Two more decimals are as common in a percentage as cents are in an amount.
        numbers = [*amounts, *(rate * (100 if is_money(quantity) else 1) for rate, quantity in self.terms)]
        discovered = sum(
            quantity.divisor > 0 or quantity.after > QUANTITY_SCALE or quantity.each > "" or quantity.is_of_items
            for _, quantity in self.terms
        )
        return (
            LIMITS.price
            + sum(LIMITS.parameter + _roughness(number) for number in numbers)
            + LIMITS.second_quantity * (len(self.terms) > 1)
            + LIMITS.discovered * discovered
            # Contracts state "for the first" of counted units and "plus" for measured ones, and have no negative rates.
            + sum(0.05 if quantity.column in COUNTS else 0.5 for _, quantity in self.terms if quantity.after)
            + LIMITS.discovered * (self.fixed < 0)
        )

    @property
    def family(self) -> str:
        if not any(rate for rate, _ in self.terms):  # a tier with one amount: its quantity only selects the tier
            return "fixed"
        if len(self.terms) > 1:
            return "surcharge" if self.terms[-1][1].is_of_items else "two quantities"
        quantity = self.terms[0][1]
        if quantity.after:
            return "first and additional"
        return "dimensional weight" if quantity.divisor else "percentage" if is_money(quantity) else "per unit"

    def sentence(self) -> str:
        """Return the price as a contract states it."""
        terms = [(rate, quantity) for rate, quantity in self.terms if rate]
        parts = [amount(self.fixed)] if self.fixed or not terms else []
        if terms and terms[0][1].after and not is_money(terms[0][1]):
            rate, quantity = terms.pop(0)
            count = decimal(quantity.after)
            first = f"first {unit(quantity)}" if count == 1 else f"first {count:f} {plural(quantity)}"
            parts = [f"{amount(self.fixed)} for the {first}, {price(rate)} for each additional one"]
        sentence = join([*parts, *(per(rate, quantity) for rate, quantity in terms)], "plus")
        sentence += f", at least {amount(self.minimum)}" if self.minimum is not None else ""
        return sentence + (f", at most {amount(self.maximum)}" if self.maximum is not None else "")


Known = Sequence[Formula]  # the best formulas so far; some proposals build on them


def fixed_amounts(charges: Charges, known: Known = ()) -> Iterator[Formula]:
    """Propose one amount for each charge: the most common ones."""
    amounts, counts = np.unique(charges.amounts, return_counts=True)
    for index in np.argsort(-counts, kind="stable")[: LIMITS.constants]:
        if counts[index] > 1:
            yield Formula(int(amounts[index]))


def per_unit(charges: Charges, known: Known = ()) -> Iterator[Formula]:
    """Propose a rate for each unit of one quantity, with or without a fixed part."""
    yield from _lines_of(quantities(charges), charges)


def dimensional_weight(charges: Charges, known: Known) -> Iterator[Formula]:
    """Propose a rate per started pound of the larger of actual and dimensional weight."""
    if quantities(charges):
        yield from _lines_of([Quantity("weight", started=True, divisor=divisor) for divisor in DIVISORS], charges)


def _lines_of(found: Sequence[Quantity], charges: Charges) -> Iterator[Formula]:
    for quantity in found:
        values = charges.quantity(quantity)
        counted = charges.take(values > 0)
        yield from (Formula(terms=((rate, quantity),)) for rate in _rates(counted, quantity))
        for rate in differences(charges, charges.amounts, values):
            line = Formula(terms=((rate, quantity),))
            yield from (replace(line, fixed=fixed) for fixed in _fixed_parts(line, charges))


def first_and_additional(charges: Charges, known: Known) -> Iterator[Formula]:
    """Propose a price for the first n units, and a rate for each additional one."""
    lines = {f.terms[0]: None for f in known if len(f.terms) == 1 and f.terms[0][1].has_whole_steps}
    for quantity in {replace(quantity, after=0): None for _, quantity in lines}:
        for after in range(QUANTITY_SCALE, (MOST_INCLUDED + 1) * QUANTITY_SCALE, QUANTITY_SCALE):
            values = charges.quantity(quantity)
            amounts, counts = np.unique(charges.amounts[(values <= after) & (values > 0)], return_counts=True)
            if len(amounts):
                first, rest = int(amounts[np.argmax(counts)]), replace(quantity, after=after)
                yield from (Formula(first, ((rate, rest),)) for rate, of in lines if of == quantity)


def two_quantities(charges: Charges, known: Known) -> Iterator[Formula]:
    """Propose rates for two quantities, such as lines and units."""
    for held in (quantity for quantity in quantities(charges) if quantity.column in COUNTS):
        for moving in quantities(charges):
            if moving.column == held.column:
                continue
            # Charges with one quantity in common differ only by the other.
            alike = charges.quantity(held)
            for rate in differences(charges, charges.amounts, charges.quantity(moving), alike)[:2]:
                rest = charges.amounts - rate * charges.quantity(moving) // RATE_SCALE
                for held_rate in differences(charges, rest, charges.quantity(held))[:3]:
                    line = Formula(terms=tuple(sorted(((rate, moving), (held_rate, held)), key=lambda t: t[1].column)))
                    yield from (replace(line, fixed=f) for f in (0, *_fixed_parts(line, charges)[:1]))


def surcharges(charges: Charges, known: Known) -> Iterator[Formula]:
    """Propose a rate for each unit or line of some items, in addition to a known price or alone.

    The items are chosen by their attributes: find the column that is above zero where charges are above the price, and
    nowhere else.
    """
    columns = item_columns(charges)
    if not columns:
        return
    is_counted = np.array([charges.column(name) > 0 for name in columns])
    for base in (Formula(), *[formula for formula in known if len(formula.terms) < 2][:8]):
        exact = base.exact(charges)
        is_above = (exact != MISSING) & (charges.amounts * RATE_SCALE > exact) & ~base.explains(charges)
        agreement = (is_counted == is_above).sum(1)
        for index in np.argsort(-agreement, kind="stable")[: LIMITS.surcharges]:
            above = np.flatnonzero(is_counted[index] & is_above)
            part, rest = charges.take(above), (charges.amounts * RATE_SCALE - exact)[above]
            for name in (columns[index], columns[index].replace("units", "lines")):
                for rate in _rates(part, Quantity(name), rest):
                    yield replace(base, terms=(*base.terms, (rate, Quantity(name))))


def item_columns(charges: Charges) -> list[str]:
    """Return the columns that count units of some items of these orders; of equal columns only one."""
    names = []
    for flag in ITEM_FLAGS:
        names += [f"units({flag}={text})" for text in ("yes", "no")]
    for measure in ITEM_MEASURES:
        values = np.unique(charges.lines.columns[measure])
        steps = list(pairwise(values[values != MISSING].tolist()))
        for low, high in steps[:: len(steps) // LIMITS.item_limits + 1]:
            limit = fewest_decimals(low, high - 1, 10 * QUANTITY_SCALE)
            names.append(f"units({measure}>{decimal(limit):f})")
    # If an item is unknown, the column is unknown for its order.
    found = {charges.column(name).tobytes(): name for name in reversed(names) if _varies(charges.column(name))}
    return list(found.values())[::-1]


def rounded_parts(charges: Charges, known: Known) -> Iterator[Formula]:
    """Propose prices by measure that are rounded for each unit or line, instead of once for the charge.

    An order of a single unit costs the same either way, so such orders determine the rate, and a fixed part of whole
    cents.
    """
    cent = charges.minor_unit
    single = charges.take((charges.column("units") == QUANTITY_SCALE) & (np.diff(charges.lines.starts) == 1))
    measured = [quantity for quantity in quantities(single) if not quantity.has_whole_steps]
    for line in _lines_of(measured, single):
        if line.explains(single).mean() > LIMITS.trusted_share:
            for each in ("unit", "line"):
                fixed = (line.fixed + cent // 2) // cent * cent
                yield replace(line, fixed=fixed, terms=tuple((rate, replace(of, each=each)) for rate, of in line.terms))


def percentages(charges: Charges, known: Known) -> Iterator[Formula]:
    """Propose percentages of the order's value or of its other charges."""
    singles = [name for name in charges.columns if name == "value" or name.startswith(CHARGES_OF)]
    types = [name.removeprefix(CHARGES_OF) for name in singles if name != "value" and _varies(charges.column(name))]
    sums = [subset for size in range(2, MOST_BASES + 1) for subset in combinations(types[:MOST_BASES], size)]
    sums += [tuple(types)] if len(types) > MOST_BASES else []
    for quantity in map(Quantity, [*singles, *(CHARGES_OF + " + ".join(subset) for subset in sums)]):
        if not _varies(charges.quantity(quantity)):
            continue
        counted = charges.take(charges.quantity(quantity) > 0)
        yield from (Formula(terms=((rate, quantity),)) for rate in _rates(counted, quantity))
        if quantity.column not in singles:
            continue
        for day in ("billed_date", "charge_date"):
            for part in _weeks(counted, day):
                yield from (Formula(terms=((rate, quantity),)) for rate in _rates(part, quantity)[:2])


def bounds(charges: Charges, known: Known) -> Iterator[Formula]:
    """Propose minima and maxima of known formulas, and fixed additions to them."""
    for formula in known:
        exact = formula.exact(charges)
        off = (exact != MISSING) & ~formula.explains(charges)
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
    """Return the quantities that differ between the charges, most common in contracts first."""
    found = [Quantity(column) for column in COUNTS]
    for column in ("weight", "volume"):
        found += [Quantity(column, started=True), Quantity(column)]
    return [quantity for quantity in found if _varies(charges.quantity(quantity))]


def _weeks(charges: Charges, day: str) -> Iterator[Charges]:
    weeks = (charges.column(day) + 3) // 7  # from Monday on; 1970-01-01 was a Thursday
    order = np.argsort(weeks, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(weeks[order])) + 1):
        if len(rows) >= LIMITS.alike:
            yield charges.take(rows)


def _varies(values: Integers) -> bool:
    """Return whether a quantity is known for most charges, and differs between them."""
    known = values[values != MISSING]
    if len(known) * 2 <= len(values):
        return False
    return bool((known != np.sort(known)[len(known) // 2]).mean() > LIMITS.solved_share)


def _rates(charges: Charges, quantity: Quantity, billed: Integers | None = None) -> list[int]:
    """Return the rates through the origin that most charges, or their `billed` amounts, allow."""
    values, half = charges.quantity(quantity), charges.minor_unit * RATE_SCALE // 2
    billed = charges.amounts * RATE_SCALE if billed is None else billed
    return points_in_most(-((half - billed) // values), (billed + half) // values)


def _fixed_parts(line: Formula, charges: Charges) -> list[int]:
    """Return the fixed parts that most charges have in addition to a formula."""
    exact, half = line.exact(charges), charges.minor_unit * RATE_SCALE // 2
    rest = (charges.amounts * RATE_SCALE - exact)[exact != MISSING]
    # Narrow both sides by one ten-thousandth: do not propose an amount that only fits when rounded down.
    return points_in_most(-((half - rest) // RATE_SCALE) + 1, (rest + half) // RATE_SCALE - 1, 3, QUANTITY_SCALE)


def is_money(quantity: Quantity) -> bool:
    return quantity.column == "value" or quantity.column.startswith(CHARGES_OF)


def _roughness(millionths: int) -> float:
    """Return the cost of a number's digits: prices are round, or have few decimals."""
    for step, cost in ((1_000_000, 0.0), (500_000, 0.05), (250_000, 0.1), (100_000, 0.1), (50_000, 0.2), (10_000, 0.3)):
        if millionths % step == 0:
            return cost
    finer = next(digits for digits, step in enumerate((1_000, 100, 10, 1), 1) if millionths % step == 0)
    return 0.3 + LIMITS.finer_decimal * finer


def decimal(number: int, scale: int = QUANTITY_SCALE) -> Decimal:
    """Return the decimal that an integer of the engine stands for, without trailing zeros."""
    exact = Decimal(number) / scale
    return exact.quantize(Decimal(1)) if exact == exact.to_integral() else exact.normalize()


def amount(number: int | None) -> str:
    return decimal_text(decimal(number or 0))


def price(rate: int) -> str:
    return decimal_text(decimal(rate, RATE_SCALE))


def per(rate: int, quantity: Quantity) -> str:
    """Return a rate and its unit: "0.45 per unit", "8.25 % of the charges of shipping"."""
    if is_money(quantity):
        above = f" above {amount(quantity.after)}" if quantity.after else ""
        return f"{decimal(rate * 100, RATE_SCALE):f} % of {unit(quantity)}{above}"
    after = f" after the first {decimal(quantity.after):f}" if quantity.after else ""
    return f"{price(rate)} per {unit(quantity)}{after}"


def unit(quantity: Quantity) -> str:
    if found := OF_ITEMS.fullmatch(quantity.column):
        counted, name, _, text = found.groups()
        of = {
            "item": f"item {join(text.split('|'), 'or')}",
            "weight": f"items above {text} lb",
            "hazardous": f"items that are {'not ' * (text == 'no')}hazardous",
            "prepackaged": f"items that are {'not ' * (text == 'no')}prepackaged",
        }.get(name, f"items with a {name.replace('_', ' ')} above {text}")
        return f"{counted.removesuffix('s')} of {of}"
    name = SINGULAR.get(quantity.column, "the " + quantity.column)
    weight = f" of dimensional weight (divisor {quantity.divisor})" if quantity.divisor else ""
    each = f", rounded for each {quantity.each}," if quantity.each else ""
    return f"{'started ' * quantity.started}{name}{weight}{each}".removesuffix(",")


def plural(quantity: Quantity) -> str:
    name, of, rest = unit(replace(quantity, after=0)).partition(" of ")
    many = name.replace("foot", "feet") if name.endswith("foot") else name.removesuffix("s") + "s"
    return many + of + rest
