"""Price every charge by its card, and decide whether a difference is an exception."""

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from logentic.price_terms import CATEGORIES
from logentic.transform.prices.card import Price, Range
from logentic.transform.prices.facts import (
    CHARGES_OF,
    MISSING,
    MONTH_VOLUMES,
    QUANTITY_SCALE,
    RATE_SCALE,
    Booleans,
    Charges,
    Integers,
)
from logentic.transform.prices.formulas import Formula, amount, is_money
from logentic.transform.prices.learning import Card, billed_base, expect, with_bases
from logentic.transform.prices.thresholds import DEFAULT as LIMITS


@dataclass(frozen=True)
class Priced:
    """The charges of one type with the price of each; `price` is -1 and `expected` is `MISSING` if there is none.

    `reasons` are why a difference is not an exception; "" if it is.
    """

    charges: Charges
    card: Card
    price: Integers
    expected: Integers
    tolerance: Integers
    alike: Integers
    reasons: list[str]
    followers: Integers  # charges per price
    explained: Integers  # explained charges per price
    notes: list[str]  # why a price is not trusted, per price; "" if it is


def price_charges(charges: Charges, card: Card) -> Priced:
    """Price the charges of a card's type, among all charges of the account."""
    whole = with_bases(charges, card.charge_type)
    part = whole.take(charges.of_type(card.charge_type))
    price, expected = expect(card, part)
    _follow_prices_nearby(part, card, price, expected)
    if card.is_learned and card.bases:
        _follow_billed_bases(whole, part, card, price, expected)
    is_learned = part.is_usable
    gap = np.where((expected == MISSING) | (part.amounts == MISSING), 0, part.amounts - expected)
    tolerance = np.full(len(part), part.minor_unit, np.int64)
    for index, one in enumerate(card.prices):
        if one.formula.has_fractions and card.is_learned:
            held = (price == index) & (expected != MISSING)
            share = round(1000 * LIMITS.fraction_tolerance)
            tolerance[held] = np.maximum(part.minor_unit, expected[held] * share // 1000)
        tolerance = np.maximum(tolerance, _rounding(one.formula, part, expected, price == index))
    is_off = (np.abs(gap) > tolerance) & is_learned
    size = len(card.prices)
    followers = np.bincount(price[is_learned & (price >= 0)], minlength=size)
    is_explained = np.zeros(len(part), bool)
    for index, one in enumerate(card.prices):
        held = np.flatnonzero((price == index) & is_learned)
        is_explained[held] = one.formula.explains(part.take(held))
    explained = np.bincount(price[is_explained], minlength=size)
    alike = np.zeros(len(part), np.int64)
    reasons = _price_reasons(card, followers, explained)
    of_charge = np.array([*reasons, _no_price(card)], object)[price]
    of_charge[(price >= 0) & (expected == MISSING)] = "A quantity that the price goes by is not known."
    if card.is_learned:
        beyond = _beyond_what_follows(part, card, price, is_explained)
        _doubt(part, card, price, gap, is_off, beyond, followers, explained, alike, of_charge)
    return Priced(part, card, price, expected, tolerance, alike, of_charge.tolist(), followers, explained, reasons)


def _rounding(formula: Formula, charges: Charges, expected: Integers, held: Booleans) -> Integers:
    """Return the tolerance of prices by dimensional weight, where the weight is within rounding of a whole pound."""
    result = np.zeros(len(charges), np.int64)
    if any(quantity.divisor and quantity.started for _, quantity in formula.terms):
        rows = np.flatnonzero(held & (expected != MISSING))
        for nudge in (-1, 1):
            terms = tuple((rate, replace(quantity, nudge=nudge)) for rate, quantity in formula.terms)
            other = replace(formula, terms=terms).expected(charges.take(rows))
            result[rows] = np.maximum(result[rows], np.abs(other - expected[rows]))
    return result


def _follow_prices_nearby(charges: Charges, card: Card, price: Integers, expected: Integers) -> None:
    """Move a charge that differs from its price to the previous or next price, if it equals that.

    Paperwork comes late: the price on the day of the order is correct as well. Only a contract begins exactly on its
    day.
    """
    is_off = _differs(charges, expected)
    for index, one in enumerate(card.prices):
        off = np.flatnonzero(is_off & (price != index))
        part = charges.take(off)
        is_near = _holds_nearby(one, part, LIMITS.early_days if card.is_learned else 0)
        near = off[is_near & one.formula.explains(part)]
        price[near], expected[near] = index, one.formula.expected(charges.take(near))
        is_off[near] = False


def _follow_billed_bases(whole: Charges, charges: Charges, card: Card, price: Integers, expected: Integers) -> None:
    """Expect the percentage of the billed amount if the charge equals it: if anything is wrong, it is the base."""
    off = np.flatnonzero(_differs(charges, expected))
    if len(off):
        bases = {CHARGES_OF + base: billed_base(whole, base) for base in card.bases}
        billed = charges.take(off).with_columns(whole.columns | bases)
        for index, one in enumerate(card.prices):
            followed = (price[off] == index) & one.formula.explains(billed)
            expected[off[followed]] = one.formula.expected(billed)[followed]


def _differs(charges: Charges, expected: Integers) -> Booleans:
    is_known = (expected != MISSING) & (charges.amounts != MISSING)
    return np.asarray(is_known & (np.abs(charges.amounts - expected) > charges.minor_unit))


def _holds_nearby(price: Price, charges: Charges, early_days: int) -> Booleans:
    """Return which charges lie a few days after or before the period of a price; none if it has no limits."""
    is_near, has_days = np.ones(len(charges), bool), False
    for condition in price.conditions:
        if not (isinstance(condition, Range) and condition.is_time):
            is_near &= condition.holds(charges)
            continue
        days, ordered, has_days = charges.quantity(condition.quantity), charges.column("ordered_date"), True
        is_near &= days != MISSING
        if condition.above is not None:
            is_near &= days > condition.above - early_days
        if condition.upto is not None:
            # A charge that is billed late has the price of its own day: of other days, use only the order's.
            is_earlier = (ordered != MISSING) & (condition.quantity.column != "billed_date")
            is_near &= np.where(is_earlier, np.minimum(days, ordered), days) <= condition.upto + LIMITS.late_days
    return is_near & has_days


def _no_price(card: Card) -> str:
    explained = card.charges - card.missed
    if card.is_accepted:
        return "No price is known for charges of this kind."
    if not explained:
        return f"No price found: none explains any of {card.charges} charges."
    single = f"the best one, {card.prices[0].formula.sentence()}, explains"
    best = single if len(card.prices) == 1 else f"{len(card.prices)} prices by segment explain"
    return f"No price found: {best} {explained} of {card.charges} charges."


def _price_reasons(card: Card, followers: Integers, explained: Integers) -> list[str]:
    """Return, for each price, why it is not trusted; "" if it is."""
    if not card.is_learned:
        return [""] * len(card.prices)
    if not card.is_accepted:
        return [_no_price(card)] * len(card.prices)
    segments: dict[object, list[int]] = {}
    for index, price in enumerate(card.prices):
        segments.setdefault(price.categories, []).append(index)
    reasons = []
    for index, price in enumerate(card.prices):
        whole = segments[price.categories]
        # Trust a tier with few charges along with its table if none of them is off: it prices charges, but raises no
        # exceptions yet.
        is_tier = LIMITS.tier_charges <= followers[index] == explained[index]
        is_tier &= explained[whole].sum() >= LIMITS.tier_share * followers[whole].sum()
        if followers[index] < LIMITS.trusted_charges and not (is_tier and price.tier):
            reasons.append(f"The price rests on {followers[index]} charges; {LIMITS.trusted_charges} are needed.")
        elif explained[index] < LIMITS.trusted_share * followers[index]:
            reasons.append(
                f"The price explains {explained[index]} of {followers[index]} charges; "
                f"{LIMITS.trusted_share:.0%} are needed."
            )
        elif explained[whole].sum() < LIMITS.segment_share * followers[whole].sum():
            reasons.append(
                f"The prices of the segment explain {explained[whole].sum()} of {followers[whole].sum()} charges; "
                f"{LIMITS.segment_share:.0%} are needed."
            )
        else:
            reasons.append("")
    return reasons


def _doubt(
    charges: Charges,
    card: Card,
    price: Integers,
    gap: Integers,
    is_off: Booleans,
    beyond: Booleans,
    followers: Integers,
    explained: Integers,
    alike: Integers,
    reasons: NDArray[np.object_],
) -> None:
    """Write into `reasons` why a charge with a difference is not an exception, and into `alike` how many differ the
    same way.
    """
    off = np.flatnonzero(is_off & (reasons == ""))
    if not len(off):
        return
    month, billed = charges.column("month"), charges.amounts
    of_month = dict(zip(*np.unique(month[price >= 0], return_counts=True), strict=True))
    ratio = billed[off] * 1000 // np.maximum(billed[off] - gap[off], 1)
    gaps, months = gap[off], month[off]
    in_price, in_month = _count(price[off], gaps), _count(months, gaps)
    with_ratio, with_sign = _count(months, ratio), _count(months, np.sign(gaps))
    alike[off] = _count(gaps) - 1
    charged = np.array([of_month[m] for m in months])
    by_day = _neighbours_off(is_off, charges.column("charge_date"), price)[off]
    by_weight = _neighbours_off(is_off, charges.column("weight"), charges.column("charge_type"))[off]
    by_category = _category_off(charges, is_off, price)[off]
    others = _other_prices(charges.take(off), card)
    # For a small card, only if it happens repeatedly. The number of orders so far in a month is never exactly known.
    if len(card.prices) <= LIMITS.large_card and not _goes_by_month(card):
        again = alike[off] + 1
        others &= (again >= LIMITS.many_alike) & (again > LIMITS.alike_at_other_price * len(charges))
    by_step = _off_by_steps(card, gaps, followers, explained)
    for at, row in enumerate(off):
        difference = f"{'+' * int(gaps[at] > 0)}{amount(int(gaps[at]))}"
        share = in_price[at] / followers[price[row]]
        if (in_price[at] >= LIMITS.alike and share > LIMITS.alike_in_price) or (
            in_price[at] >= LIMITS.many_alike and share > LIMITS.many_alike_in_price
        ):
            reasons[row] = f"{in_price[at]} of {followers[price[row]]} charges are off this price by {difference}."
        elif in_month[at] >= LIMITS.alike and in_month[at] > LIMITS.alike_in_month * charged[at]:
            reasons[row] = f"{in_month[at]} of {charged[at]} charges of the month are off by {difference}."
        elif with_ratio[at] >= LIMITS.alike and with_ratio[at] > LIMITS.alike_in_month * charged[at]:
            reasons[row] = f"{with_ratio[at]} of {charged[at]} charges of the month are off by the same ratio."
        elif with_sign[at] >= LIMITS.same_sign and with_sign[at] > LIMITS.same_sign_in_month * charged[at]:
            reasons[row] = f"{with_sign[at]} of {charged[at]} charges of the month are off in the same direction."
        elif by_day[at] or by_weight[at]:
            reasons[row] = f"Half of the charges next to it by {'day' if by_day[at] else 'weight'} are off as well."
        elif beyond[row]:
            reasons[row] = "No charge that follows the price is for as little or as much."
        elif by_category[at]:
            reasons[row] = (
                "Most charges of its kind (region, order type, ...) are off as well, or there are few of them."
            )
        elif others[at]:
            reasons[row] = "Another price of the card is exactly this amount."
        elif by_step[at]:
            reasons[row] = (
                f"It is off by {difference}, a difference between prices of a card that does not explain all charges."
            )


def _beyond_what_follows(charges: Charges, card: Card, price: Integers, is_explained: Booleans) -> Booleans:
    """Return which charges have a smaller or larger quantity than any charge that follows the price."""
    beyond = np.zeros(len(charges), bool)
    for index, one in enumerate(card.prices):
        held, following = price == index, (price == index) & is_explained
        limits = {limit.quantity for limit in one.conditions if isinstance(limit, Range) and not limit.is_time}
        for quantity in limits | {replace(of, after=0) for _, of in one.formula.terms if not is_money(of)}:
            values = charges.quantity(quantity)
            least, most = values[following].min(initial=-MISSING), values[following].max(initial=MISSING)
            beyond |= held & ((values < least) | (values > most))
    return beyond


def _goes_by_month(card: Card) -> bool:
    limits = [limit for price in card.prices for limit in price.conditions if isinstance(limit, Range)]
    return any(limit.quantity.column in MONTH_VOLUMES for limit in limits)


def _off_by_steps(card: Card, gaps: Integers, followers: Integers, explained: Integers) -> Booleans:
    """Return which charges are off by a multiple of the difference between two prices of an incomplete card.

    A card is incomplete if one of its prices explains too few charges. It may approximate by weight or units what no
    fact counts, such as the heavy units of an order.
    """
    is_poor = (followers >= LIMITS.trusted_charges) & (explained < LIMITS.trusted_share * followers)
    if len(card.prices) < 3 or not is_poor.any():
        return np.zeros(len(gaps), bool)
    to_amount = RATE_SCALE // QUANTITY_SCALE
    fixed = {price.formula.fixed for price in card.prices}
    rates = {rate // to_amount for price in card.prices for rate, _ in price.formula.terms}
    steps = {abs(one - other) for values in (fixed, rates) for one, other in combinations(values, 2)}
    is_step = np.zeros(len(gaps), bool)
    for step in steps - {0}:
        is_step |= (np.abs(gaps) % step == 0) & (np.abs(gaps) <= LIMITS.steps_off * step)
    return is_step


def _count(*keys: Integers) -> Integers:
    """Return, for each row, how many rows have the same keys."""
    order = np.lexsort(keys)
    is_new = np.logical_or.reduce([np.diff(key[order], prepend=key[order[:1]] - 1) != 0 for key in keys])
    group = np.cumsum(is_new) - 1
    counts = np.empty(len(order), np.int64)
    counts[order] = np.bincount(group)[group]
    return counts


def _neighbours_off(is_off: Booleans, values: Integers, groups: Integers) -> Booleans:
    """Return for which charges at least half of the next ones by value, in the same group, are off."""
    order = np.lexsort((values, groups))
    off, group = is_off[order].astype(np.int64), groups[order]
    sums, start = np.concatenate([[0], np.cumsum(off)]), np.searchsorted(group, group, "left")
    end = np.searchsorted(group, group, "right")
    index = np.arange(len(off))
    low, high = np.maximum(index - LIMITS.neighbours // 2, start), np.minimum(index + LIMITS.neighbours // 2 + 1, end)
    near = sums[high] - sums[low] - off
    result = np.zeros(len(off), bool)
    result[order] = (2 * near >= high - low - 1) & (near >= LIMITS.alike)
    return result


def _category_off(charges: Charges, is_off: Booleans, price: Integers) -> Booleans:
    """Return for which charges a large part of those at the same price and of the same category is off."""
    result = np.zeros(len(charges), bool)
    for name in CATEGORIES:
        key = price * len(charges.labels[name]) + charges.column(name)
        _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
        result |= (np.bincount(inverse, is_off) > LIMITS.off_in_category * counts)[inverse]
    return result


def _other_prices(charges: Charges, card: Card) -> Booleans:
    found = np.zeros(len(charges), bool)
    for formula in {price.formula for price in card.prices}:
        found |= formula.explains(charges)
    return found
