"""State tables of tiers as contracts do: all rows in one form, although the search found whatever was shortest."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from logentic.transform.prices.card import Condition, Price, Range
from logentic.transform.prices.facts import QUANTITY_SCALE, RATE_SCALE, Charges, Quantity
from logentic.transform.prices.formulas import CENT, Formula
from logentic.transform.prices.thresholds import DEFAULT as LIMITS

TO_AMOUNT = RATE_SCALE // QUANTITY_SCALE
Row = tuple[Range, Formula]


def as_tables(prices: Sequence[Price], charges: Charges) -> Iterator[tuple[Price, int]]:
    """Yield the prices with tables restated, and the index of the original of each price."""
    tables: dict[tuple[tuple[Condition, ...], Quantity | None], list[int]] = {}
    for index, price in enumerate(prices):
        tiers = [one for one in price.conditions if isinstance(one, Range) and not one.is_time]
        rest = tuple(one for one in price.conditions if len(tiers) != 1 or one != tiers[0])
        tables.setdefault((rest, tiers[0].quantity if len(tiers) == 1 else None), []).append(index)
    for (rest, axis), indexes in tables.items():
        rows = []
        for index in indexes if axis else ():
            tier = next(one for one in prices[index].conditions if isinstance(one, Range) and one.quantity == axis)
            rows.append((tier, prices[index].formula))
        restated = _restate(sorted(rows, key=lambda row: row[0].above or 0))
        held = charges.take(Price("", rest, Formula()).holds(charges)) if restated else charges
        if restated and all(_has_enough(tier, formula, held) for tier, formula in restated):
            for tier, formula in restated:
                source = next(i for i, (old, _) in zip(indexes, rows, strict=True) if _overlap(old, tier))
                yield replace(prices[source], conditions=(*rest, *_limited(tier)), formula=formula), source
        else:
            yield from ((prices[index], index) for index in indexes)


def _has_enough(tier: Range, formula: Formula, charges: Charges) -> bool:
    """Return whether a row of its own can be trusted."""
    own = charges.take(tier.holds(charges))
    explained = int(formula.explains(own).sum())
    return len(own) >= LIMITS.trusted_charges or LIMITS.tier_charges <= len(own) == explained


def _limited(tier: Range) -> tuple[Range, ...]:
    return () if tier.above is None and tier.upto is None else (tier,)


def _overlap(one: Range, other: Range) -> bool:
    ends = [tier.upto for tier in (one, other) if tier.upto is not None]
    return max(one.above or 0, other.above or 0) < min(ends, default=2**62)


def _restate(rows: Sequence[Row]) -> list[Row]:
    """Return rows in one form: units at the price of their own step, all at that of the last unit, or amounts by step.

    None if the rows are not a table of whole steps, or of too many.
    """
    counted = {replace(quantity, after=0) for _, formula in rows for _, quantity in formula.terms}
    is_single = all(len(formula.terms) < 2 for _, formula in rows)
    if (
        len(rows) < 2
        or len(counted) != 1
        or not is_single
        or any(one[0].upto != two[0].above for one, two in pairwise(rows))
    ):
        return []
    (quantity,), axis = counted, rows[0][0].quantity
    is_same = (quantity.column, quantity.divisor) == (axis.column, axis.divisor)
    limits = [
        tier.upto // QUANTITY_SCALE for tier, _ in rows if tier.upto is not None and tier.upto % QUANTITY_SCALE == 0
    ]
    (last, open_price), rest = rows[-1], [formula for _, formula in rows[:-1]]
    if not (is_same and quantity.has_whole_steps) or last.upto is not None or len(limits) < len(rest):
        return []
    lines = [_from_zero(formula) for formula in (*rest, open_price)]
    # If each step's units have their own price, the lines meet at the limit; the search may have placed it one unit
    # lower.
    meets = [
        next((at for at in (limit, limit + 1) if _at(one, at) == _at(two, at)), 0)
        for (one, two), limit in zip(pairwise(lines), limits, strict=True)
    ]
    is_bounded = any(one.minimum is not None or one.maximum is not None for _, one in rows)
    if all(meets) and not is_bounded:
        bounds = [rows[0][0].above, *(at * QUANTITY_SCALE for at in meets), None]
        return [(Range(axis, *bound), one) for bound, one in zip(pairwise(bounds), lines, strict=True)]
    line = _from_zero(open_price)
    begin = limits[-1] + 1  # where the open-ended price starts to be a line
    while _at(open_price, begin) != _at(line, begin) and begin <= LIMITS.table_steps:
        begin += 1
    if open_price.maximum is not None or begin - 1 > LIMITS.table_steps:
        return []
    amounts = [
        _at(next((formula for formula, limit in zip(rest, limits, strict=True) if step <= limit), open_price), step)
        for step in range(1, begin)
    ]
    while begin > 1 and amounts[-1] == _at(line, begin - 1):
        begin -= 1
        amounts.pop()
    is_whole = line.fixed == 0 and all(amount % (step * CENT) == 0 for step, amount in enumerate(amounts, 1))
    if is_whole and line.terms:
        prices = [Formula(terms=((amount * TO_AMOUNT // step, quantity),)) for step, amount in enumerate(amounts, 1)]
        prices.append(line)
    else:
        prices = [Formula(amount) for amount in (*amounts, _at(line, begin))]
        if line.terms:
            additional = replace(quantity, after=begin * QUANTITY_SCALE)
            while len(prices) > 1 and prices[-2].fixed == prices[-1].fixed:
                prices.pop(-2)
            prices[-1] = Formula(prices[-1].fixed, ((line.terms[0][0], additional),))
    above, restated = rows[0][0].above, []
    for step, (formula, later) in enumerate(pairwise(prices), 1):
        if formula != later:
            restated.append((Range(axis, above, step * QUANTITY_SCALE), formula))
            above = step * QUANTITY_SCALE
    return [*restated, (Range(axis, above), prices[-1])]


def _from_zero(formula: Formula) -> Formula:
    """Return a price of the first n and each additional one as a fixed part and a rate."""
    if not formula.terms:
        return Formula(formula.fixed)
    ((rate, quantity),) = formula.terms
    fixed = formula.fixed - rate * quantity.after // QUANTITY_SCALE // TO_AMOUNT
    return Formula(fixed, ((rate, replace(quantity, after=0)),))


def _at(formula: Formula, step: int) -> int:
    """Return the amount at a whole step of the quantity."""
    amount = formula.fixed
    for rate, quantity in formula.terms:
        amount += rate * max(step - quantity.after // QUANTITY_SCALE, 0) // TO_AMOUNT
    amount = amount if formula.minimum is None else max(amount, formula.minimum)
    return amount if formula.maximum is None else min(amount, formula.maximum)
