"""Learn the cards of an account: type by type, from simple formulas to percentages of types already priced."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from logentic.transform.prices.card import Price, merge
from logentic.transform.prices.facts import CHARGES_OF, MISSING, UNTYPED, Charges, Integers
from logentic.transform.prices.search import STAGES, Draft, Search
from logentic.transform.prices.tables import as_tables
from logentic.transform.prices.thresholds import DEFAULT as LIMITS

LARGEST_BASES = 8  # types whose charges a percentage may apply to
USUAL_SHARE = 0.95  # of the orders: a type that this share has is part of the base even if its charge is missing
REPEATED = ("duplicate", "billed again")  # prefixes of `set_aside` for a charge that the order has twice


@dataclass(frozen=True)
class Card:
    """The prices of one type of charge, and how well they explain the charges from which they were learned."""

    charge_type: str
    prices: tuple[Price, ...]
    margins: tuple[float, ...]
    charges: int
    missed: int
    cost: float
    is_learned: bool = True

    @property
    def bases(self) -> set[str]:
        """The types to which a percentage price applies."""
        columns = (quantity.column for price in self.prices for _, quantity in price.formula.terms)
        named = (column.removeprefix(CHARGES_OF) for column in columns if column.startswith(CHARGES_OF))
        return {base for names in named for base in names.split(" + ")}

    @property
    def is_accepted(self) -> bool:
        """Whether the card generalizes, rather than repeating the charges one by one."""
        own_cost = self.cost - self.missed
        return not self.is_learned or (
            self.missed <= (1 - LIMITS.card_share) * self.charges
            and own_cost <= max(LIMITS.card_cost * self.charges, LIMITS.price + 2 * LIMITS.parameter + 1)
        )

    @property
    def is_good(self) -> bool:
        """Whether more complicated formulas are not worth trying."""
        own_cost = self.cost - self.missed
        return own_cost <= max(LIMITS.simple_card, LIMITS.simple_share * self.charges) and (
            self.missed <= max(1, LIMITS.nearly_solved_share * self.charges)
        )


def learn_cards(charges: Charges, contract: Sequence[Price] = ()) -> tuple[dict[str, Card], dict[str, Card]]:
    """Return the card in force of each type and, for types with a contract card, the learned prices."""
    types = charges.labels["charge_type"]
    usable = charges.take(charges.is_usable)
    parts = {name: usable.take(usable.column("charge_type") == code) for code, name in enumerate(types)}
    learned = {
        name: _learn(name, part, None, range(len(STAGES)))
        if len(part) and name != UNTYPED
        else Card(name, (), (), 0, 0, 0)
        for name, part in parts.items()
    }
    stated: dict[str, Card] = {}
    for name in dict.fromkeys(price.charge_type for price in contract):
        prices = tuple(price for price in contract if price.charge_type == name)
        charged = len(parts.get(name, ()))
        stated[name] = Card(name, prices, (0.0,) * len(prices), charged, 0, 0, is_learned=False)
    open_types = [name for name, card in learned.items() if card.prices and not card.is_good]
    _add_bases(charges, (learned | stated).values())
    for name in sorted(open_types, key=lambda name: learned[name].missed / learned[name].charges):
        part = with_bases(charges, name).take(parts[name].rows)
        card = _learn(name, part, learned[name], [len(STAGES) - 1])
        if card is not learned[name] and card.is_accepted:
            learned[name] = card
            if name not in stated:
                add_base(charges, card)
    return learned | stated, {name: card for name, card in learned.items() if name in stated}


def _add_bases(charges: Charges, cards: Iterable[Card]) -> None:
    """Add the bases of percentages: the largest types with a price, and those that the contract names."""
    by_size = sorted(cards, key=lambda card: -card.charges)
    named = {name for card in by_size for name in card.bases}
    left = [
        card
        for number, card in enumerate(by_size)
        if card.charge_type in named
        or (
            number < LARGEST_BASES
            and card.prices
            and card.is_accepted
            and card.missed < LIMITS.rough_share * card.charges
        )
    ]
    while left:  # price a percentage after the types that it applies to
        waiting = {card.charge_type for card in left}
        card = next((card for card in left if not card.bases & waiting), left[0])
        left.remove(card)
        add_base(charges, card)


def _learn(name: str, charges: Charges, known: Card | None, stages: Sequence[int]) -> Card:
    """Return the cheapest card: a single price if one is enough, else prices by segment."""
    singles: list[tuple[Draft, Search]] = []
    for stage in stages:
        search = Search(stage)
        singles.append((search.single(charges), search))
        if _is_final(singles[-1][0], charges):
            break
    singles.sort(key=lambda single: single[0].cost)
    best = known or _card(name, charges, singles[0][0])
    for _, search in singles:
        plan = search.plan(charges)
        best = _card(name, charges, plan) if plan.cost < best.cost else best
        if best.is_good:
            break
    if known and len(best.prices) > 1 and best.missed > LIMITS.rough_share * len(charges):
        by_period = Search(0).by_period(charges)
        best = _card(name, charges, by_period) if by_period and by_period.cost < best.cost else best
    prices, sources = zip(*as_tables(best.prices, charges), strict=True)
    return replace(best, prices=prices, margins=tuple(best.margins[source] for source in sources))


def _is_final(single: Draft, charges: Charges) -> bool:
    """Return whether a simple price leaves so few and such different charges unpriced that nothing else is tried."""
    sample, formula = charges.sample(LIMITS.sample), single.parts[0].formula
    off = sample.take(~formula.explains(sample))
    _, counts = np.unique(off.amounts - formula.expected(off), return_counts=True)
    limit = max(1, LIMITS.nearly_solved_share * len(charges))
    return single.missed <= limit and single.own_cost <= LIMITS.simple_card and counts.max(initial=0) < LIMITS.alike


def _card(name: str, charges: Charges, plan: Draft) -> Card:
    prices = tuple(Price(name, merge(part.conditions), part.formula) for part in plan.parts)
    return Card(name, prices, tuple(p.margin for p in plan.parts), len(charges), round(plan.missed), plan.cost)


def assign(card: Card, charges: Charges) -> Integers:
    """Return the index of the price of each charge in its card, -1 if none applies."""
    chosen = np.full(len(charges), -1)
    # Prices with more conditions come first: the contract's tiers and segments before its base.
    for index in sorted(range(len(card.prices)), key=lambda i: -card.prices[i].narrowness):
        held = card.prices[index].holds(charges) & (chosen < 0)
        chosen[held] = index
    return chosen


def expect(card: Card, charges: Charges) -> tuple[Integers, Integers]:
    """Return the index of the price, and the expected amount, of each charge; `MISSING` if there is none."""
    chosen, expected = assign(card, charges), np.full(len(charges), MISSING)
    for index, price in enumerate(card.prices):
        held = chosen == index
        if held.any():
            expected[held] = price.formula.expected(charges.take(held))
    return chosen, expected


def with_bases(charges: Charges, charge_type: str) -> Charges:
    """Return all charges with the bases of a percentage: the cost of each order for other types."""
    columns = {name: column for name, column in charges.columns.items() if name != CHARGES_OF + charge_type}
    return charges.with_columns(columns)


def add_base(charges: Charges, card: Card) -> None:
    """Add a column with the expected cost of each charge's order for a type.

    It is priced from the type's own card, because a charge that is wrong, missing or set aside says nothing about a
    percentage.
    """
    first, orders = charges.columns["first_of_order"], charges.columns["order"]
    own, priced = _charged_once(charges, card.charge_type), with_bases(charges, card.charge_type)
    billed = priced.take(own)
    chosen, expected = expect(card, billed)
    # Use the billed amount if the price explains too few charges.
    followers = np.bincount(chosen + 1, minlength=len(card.prices) + 1)
    is_explained = np.abs(expected - billed.amounts) < charges.minor_unit
    explained = np.bincount(chosen[is_explained] + 1, minlength=len(followers))
    is_sound = (followers >= LIMITS.same_sign) & (explained >= LIMITS.trusted_share * followers)
    expected = np.where(is_sound[chosen + 1], expected, MISSING)
    amounts, counts = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
    money = np.where(expected == MISSING, billed.amounts, expected)
    np.add.at(amounts, orders[own], np.maximum(money, 0))
    np.add.at(counts, orders[own], 1)
    amounts[orders[own[money == MISSING]]] = MISSING
    if (counts > 0).mean() >= USUAL_SHARE:
        lacking = np.flatnonzero(counts == 0)
        _, expected = expect(card, priced.take(first[lacking]))
        amounts[lacking] = expected
    charges.columns[CHARGES_OF + card.charge_type] = _of_order(charges, amounts)


def billed_base(charges: Charges, charge_type: str) -> Integers:
    """Return the billed amount of each charge's order for a type."""
    own, amounts = _charged_once(charges, charge_type), np.zeros(len(charges.columns["first_of_order"]), np.int64)
    np.add.at(amounts, charges.columns["order"][own], np.maximum(charges.amounts[own], 0))
    return _of_order(charges, amounts)


def _charged_once(charges: Charges, charge_type: str) -> Integers:
    """Return the rows of the orders' charges of a type, without credits and duplicates."""
    is_repeated = np.array([text.startswith(REPEATED) for text in charges.labels["set_aside"]])
    is_credit = (charges.amounts < 0) & (charges.amounts != MISSING)
    is_own = charges.of_type(charge_type) & ~is_repeated[charges.columns["set_aside"]] & ~is_credit
    return np.flatnonzero(is_own & (charges.columns["order_id"] != MISSING))


def _of_order(charges: Charges, amounts: Integers) -> Integers:
    return np.where(charges.columns["order_id"] == MISSING, MISSING, amounts[charges.columns["order"]])
