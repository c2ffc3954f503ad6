"""Compare what was billed, what the learned prices give, and what each card would have cost."""

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from logentic.currencies import minor_digits
from logentic.errors import UsageError
from logentic.reports.published_file import open_published, read_known_at
from logentic.reports.quote.card import STORAGE, ContractCard, valid_by_type
from logentic.reports.quote.history import BILLED, UNBILLED, PricedHistory, choose_period
from logentic.reports.quote.packaging import PackagingEffect, price_packaging, read_measured
from logentic.reports.quote.pricing import (
    ZERO,
    CardCosts,
    Key,
    Orders,
    Unpriced,
    minimum_due,
    price_card,
    price_rest,
    read_orders,
    rounded,
)
from logentic.settings import Settings
from logentic.transform.prices.facts import QUANTITY_SCALE, Booleans, Integers

BILLED_NAME, LEARNED_NAME = "billed", "learned"
STEPS = tuple(range(-30, 51, 10))  # per cent
AXES = ("volume", "mix", "storage")
MOST_DIFFERENT = 10
LEAST_VOLUME, MOST_VOLUME = Fraction(1, 10), Fraction(5)  # where the break-even volume is looked for


@dataclass
class Costs:
    """The costs of one contract, month by month and type by type, apart by what they go with.

    `orders` and `several` are those of all orders and of orders of several units; amounts are ten-thousandths.
    `reprice` returns both anew for another number of orders, where prices go by it.
    """

    months: list[date]
    orders: dict[str, list[int]]
    several: dict[str, list[int]]
    counts: list[tuple[int, int]]  # of orders, and of orders of several units
    storage: dict[date, Decimal] = field(default_factory=dict)
    fixed: dict[Key, Decimal] = field(default_factory=dict)
    card: ContractCard | None = None
    reprice: Callable[[Fraction], tuple[dict[str, list[int]], dict[str, list[int]]]] | None = None

    def total(self, axis: str = "", factor: Fraction = Fraction(1)) -> Fraction:
        """Return the cost of the period if the volume, the mix or the storage were `factor` times as large."""
        return sum((self._of_month(index, axis, factor) for index in range(len(self.months))), Fraction(0))

    def _of_month(self, index: int, axis: str, factor: Fraction) -> Fraction:
        month = self.months[index]
        orders, several = self.orders, self.several
        if axis == "volume" and self.reprice and factor != 1:
            orders, several = self.reprice(factor)
        amounts = {
            name: self._of_orders(of_months[index], several[name][index], index, axis, factor)
            for name, of_months in orders.items()
        }
        storage = Fraction(self.storage.get(month, ZERO)) * (factor if axis == "storage" else 1)
        amounts[STORAGE] = amounts.get(STORAGE, Fraction(0)) + storage
        for (of_month, charge_type), amount in self.fixed.items():
            if of_month == month:
                amounts[charge_type] = amounts.get(charge_type, Fraction(0)) + Fraction(amount)
        due = Fraction(0)
        for minimum in self._minimums(month):
            reached = sum((amounts.get(name, Fraction(0)) for name in minimum.of), Fraction(0))
            due += max(Fraction(minimum.amount) - reached, Fraction(0))
        return sum(amounts.values(), due)

    def _of_orders(self, whole: int, several: int, index: int, axis: str, factor: Fraction) -> Fraction:
        if axis == "volume":
            return Fraction(whole, QUANTITY_SCALE) * factor
        count, of_several = self.counts[index]
        single = count - of_several
        if axis != "mix" or not single or not of_several:
            return Fraction(whole, QUANTITY_SCALE)
        # The number of orders stays: what one kind gains, the other loses.
        more = min(factor, Fraction(count, of_several))
        kept = (count - of_several * more) / single
        return (several * more + (whole - several) * kept) / QUANTITY_SCALE

    def _minimums(self, month: date) -> list[Any]:
        return valid_by_type(self.card.minimums, month) if self.card else []

    def kinks(self) -> list[Fraction]:
        """Return the volumes at which a minimum ceases to be due."""
        found = []
        for index, month in enumerate(self.months):
            for minimum in self._minimums(month):
                moving = sum(self.orders[name][index] for name in minimum.of if name in self.orders)
                still = sum((Fraction(self.fixed.get((month, name), ZERO)) for name in minimum.of), Fraction(0))
                still += Fraction(self.storage.get(month, ZERO)) if STORAGE in minimum.of else 0
                if moving:
                    found.append((Fraction(minimum.amount) - still) / Fraction(moving, QUANTITY_SCALE))
        return found


@dataclass(frozen=True)
class BreakEven:
    """A number of orders a month at which a card costs as much as was billed; `is_cheaper_above` it, or below."""

    orders_per_month: int
    is_cheaper_above: bool


@dataclass
class Contract:
    """A column of the comparison: what was billed, the learned prices, or a card."""

    name: str
    lines: dict[Key, Decimal]
    by_order: Integers  # ten-thousandths, by the position of the order
    by_item: dict[int, Decimal]  # storage
    costs: Costs
    unpriced: list[Unpriced] = field(default_factory=list)
    is_whole: Booleans | None = None  # by order: everything of it is priced
    sensitivity: dict[str, list[Decimal]] = field(default_factory=dict)
    break_even: list[BreakEven] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        return sum(self.lines.values(), ZERO)

    @property
    def unpriced_amount(self) -> Decimal:
        """How much of the total stays as it was billed, for want of a price."""
        return sum((one.billed for one in self.unpriced), ZERO)

    def of_month(self, month: date) -> Decimal:
        return sum((amount for (of_month, _), amount in self.lines.items() if of_month == month), ZERO)

    def of_type(self, charge_type: str) -> Decimal:
        return sum((amount for (_, name), amount in self.lines.items() if name == charge_type), ZERO)


@dataclass(frozen=True)
class CostDifference:
    """An order or an item whose cost a card changes most; amounts are by contract, in their order."""

    card: str
    key: int
    name: str | None
    amounts: tuple[Decimal | None, ...]
    difference: Decimal


@dataclass(frozen=True)
class Check:
    """History under the learned prices against the bills.

    `off_price`: how far charges are from their price, added up without sign. `not_owed`: duplicates, and charges for
    cancelled or unknown orders. `unbilled`: prices of charges that an order lacks.
    """

    billed: Decimal
    learned: Decimal
    without_price: Decimal
    off_price: Decimal
    not_owed: Decimal
    unbilled: Decimal

    @property
    def unexplained_share(self) -> Decimal | None:
        """The share of the billed amount that the learned prices do not give."""
        if not self.billed:
            return None
        return ((self.without_price + self.off_price + self.not_owed) / self.billed).quantize(Decimal("0.0001"))


@dataclass
class Quote:
    file: Path
    currency: str
    months: list[date]
    order_ids: list[int]  # by their position in `Contract.by_order`
    units: Decimal
    contracts: list[Contract]  # billed, learned, and the cards
    check: Check
    order_differences: list[CostDifference]
    item_differences: list[CostDifference]
    known_at: datetime
    packaging: list[PackagingEffect] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"Quote, {self.months[0]:%Y-%m} to {self.months[-1]:%Y-%m}"

    @property
    def orders(self) -> int:
        return len(self.order_ids)

    @property
    def cards(self) -> list[Contract]:
        return self.contracts[2:]

    @property
    def types(self) -> list[str]:
        return sorted({charge_type for one in self.contracts for _, charge_type in one.lines})

    def per_order(self, contract: Contract) -> Decimal | None:
        return (contract.total / self.orders).quantize(Decimal("0.0001")) if self.orders else None

    def per_unit(self, contract: Contract) -> Decimal | None:
        return (contract.total / self.units).quantize(Decimal("0.0001")) if self.units else None


def quote(
    file: Path,
    settings: Settings,
    cards: Sequence[ContractCard],
    first: date | None = None,
    last: date | None = None,
    dimensions: Path | None = None,
) -> Quote:
    """Price the history of FILE under each card; `dimensions` is a CSV file of measured items."""
    measured = read_measured(dimensions) if dimensions else []
    _check_cards(cards, settings.currency)
    digits = minor_digits(settings.currency)
    with open_published(file) as published:
        history = PricedHistory(published, choose_period(published, first, last), settings.timezone).prepare()
        orders = read_orders(history, 10 ** (4 - digits))
        billed = history.rows(BILLED)
        unbilled = history.rows(UNBILLED)
        known_at = read_known_at(published)
        by_item = history.rows(
            "select item_id, sum(allocated_charge) as billed from storage_cost_daily where date between $1 and $2"
            " group by item_id",
            [history.period.first, history.period.last],
        )
        contracts = [
            _history_contract(BILLED_NAME, orders, billed, orders.billed, []),
            _history_contract(LEARNED_NAME, orders, billed, orders.learned, unbilled),
        ]
        contracts[0].by_item = {row["item_id"]: row["billed"] for row in by_item if row["item_id"] is not None}
        of_cards = [price_card(card, orders) for card in cards]
        for priced in of_cards:
            price_rest(priced, orders, billed)
            contracts.append(_card_contract(priced, orders))
        skus = {row["item_id"]: row["sku"] for row in history.rows("select item_id, sku from items")}
        packaging = price_packaging(history, of_cards, orders, measured, dimensions) if dimensions else []
    for contract in contracts:
        contract.sensitivity = {
            axis: [
                rounded(contract.costs.total(axis, 1 + Fraction(step, 100)), Decimal(1).scaleb(-digits))
                for step in STEPS
            ]
            for axis in AXES
        }
    for contract in contracts[2:]:
        contract.break_even = find_break_even(contracts[0].costs, contract.costs, len(orders))
    return Quote(
        file=file,
        currency=settings.currency,
        months=orders.months,
        order_ids=orders.ids,
        units=Decimal(int(orders.units.sum())) / QUANTITY_SCALE,
        contracts=contracts,
        check=_check(billed, unbilled),
        order_differences=[one for c in contracts[2:] for one in _order_differences(c, contracts, orders)],
        item_differences=[one for c in contracts[2:] for one in _item_differences(c, contracts, skus)],
        known_at=known_at,
        packaging=packaging,
    )


def _check_cards(cards: Sequence[ContractCard], currency: str) -> None:
    names = [card.name for card in cards]
    reserved = {BILLED_NAME, LEARNED_NAME}
    for card in cards:
        if card.currency not in (None, currency):
            raise UsageError(
                f"the card {card.name!r} is in {card.currency}, the account in {currency}",
                "Write the card in the account's currency.",
            )
        if names.count(card.name) > 1 or card.name.lower() in reserved:
            raise UsageError(f"the name {card.name!r} is used twice", "Give each card a name of its own.")


def _history_contract(
    name: str,
    orders: Orders,
    billed: list[dict[str, Any]],
    by_order: dict[str, Integers],
    unbilled: list[dict[str, Any]],
) -> Contract:
    """Return what was billed, or what the learned prices give, as a contract."""
    lines: dict[Key, Decimal] = defaultdict(Decimal)
    costs = _costs(orders, by_order)
    for row in billed:
        lines[row["month"], row["charge_type"]] += row[name]
        if row["is_of_order"]:
            continue
        if row["charge_type"] == STORAGE:
            costs.storage[row["month"]] = costs.storage.get(row["month"], ZERO) + row[name]
        else:
            costs.fixed[row["month"], row["charge_type"]] = row[name]
    for row in unbilled:
        key = (row["month"], row["charge_type"])
        lines[key] += row["learned"]
        costs.fixed[key] = costs.fixed.get(key, ZERO) + row["learned"]
    total = np.sum([np.zeros(len(orders), np.int64), *by_order.values()], axis=0)
    return Contract(name, dict(lines), total, {}, costs)


def _card_contract(priced: CardCosts, orders: Orders) -> Contract:
    card = priced.card
    lines: dict[Key, Decimal] = defaultdict(Decimal)
    costs = _costs(orders, priced.by_order)
    costs.card = card
    if priced.has_month_tiers:
        known: dict[Fraction, tuple[dict[str, list[int]], dict[str, list[int]]]] = {}

        def reprice(factor: Fraction) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
            if factor not in known:
                again = _costs(orders, priced.by_order | price_card(card, orders, scale=factor).by_order)
                known[factor] = (again.orders, again.several)
            return known[factor]

        costs.reprice = reprice
    for charge_type, of_months in costs.orders.items():
        for month, sum_of_month in zip(orders.months, of_months, strict=True):
            if sum_of_month:
                lines[month, charge_type] += Decimal(sum_of_month) / QUANTITY_SCALE
    by_item: dict[int, Decimal] = defaultdict(Decimal)
    for (month, item), amount in priced.storage.items():
        lines[month, STORAGE] += amount
        costs.storage[month] = costs.storage.get(month, ZERO) + amount
        if item is not None:
            by_item[item] += amount
    for amounts in (priced.events, priced.fees, priced.as_billed):
        for key, amount in amounts.items():
            lines[key] += amount
            if key[1] == STORAGE:
                costs.storage[key[0]] = costs.storage.get(key[0], ZERO) + amount
            else:
                costs.fixed[key] = costs.fixed.get(key, ZERO) + amount
    for month in orders.months:
        of_month = {charge_type: amount for (own, charge_type), amount in lines.items() if own == month}
        for charge_type, due in minimum_due(card, month, of_month).items():
            if due:
                lines[month, charge_type] += due
    total = np.sum([np.zeros(len(orders), np.int64), *priced.by_order.values()], axis=0)
    return Contract(card.name, dict(lines), total, dict(by_item), costs, priced.unpriced, priced.is_whole)


def _costs(orders: Orders, by_order: dict[str, Integers]) -> Costs:
    is_several = orders.units > QUANTITY_SCALE
    ones = np.ones(len(orders), np.int64)
    return Costs(
        orders.months,
        {name: orders.by_month(amounts) for name, amounts in by_order.items()},
        {name: orders.by_month(np.where(is_several, amounts, 0)) for name, amounts in by_order.items()},
        list(zip(orders.by_month(ones), orders.by_month(is_several.astype(np.int64)), strict=True)),
    )


def _check(billed: list[dict[str, Any]], unbilled: list[dict[str, Any]]) -> Check:
    names = ("billed", "learned", "without_price", "off_price", "not_owed")
    sums = {name: sum((row[name] for row in billed), ZERO) for name in names}
    missing = sum((row["learned"] for row in unbilled), ZERO)
    return Check(**sums | {"learned": sums["learned"] + missing}, unbilled=missing)


def find_break_even(billed: Costs, card: Costs, orders: int) -> list[BreakEven]:
    """Return the volumes at which both cost the same: exactly, unless prices go by the number of orders."""
    if not orders:
        return []
    if card.reprice:
        factors = [1 + Fraction(step, 100) for step in STEPS]
    else:
        factors = [LEAST_VOLUME, MOST_VOLUME]
        for kink in card.kinks():
            if LEAST_VOLUME < kink < MOST_VOLUME:
                insort(factors, kink)
    gaps = [card.total("volume", factor) - billed.total("volume", factor) for factor in factors]
    per_month, found = Fraction(orders, len(card.months)), []
    for (low, high), (before, after) in zip(pairwise(factors), pairwise(gaps), strict=True):
        if (before < 0 <= after) or (after < 0 <= before):
            factor = low + (high - low) * before / (before - after)
            found.append(BreakEven(round(factor * per_month), is_cheaper_above=after < 0))
    return found


def _order_differences(card: Contract, contracts: list[Contract], orders: Orders) -> list[CostDifference]:
    gaps = card.by_order - contracts[0].by_order
    gaps = gaps if card.is_whole is None else np.where(card.is_whole, gaps, 0)
    chosen = np.argsort(-np.abs(gaps), kind="stable")[:MOST_DIFFERENT]
    return [
        CostDifference(
            card.name,
            orders.ids[at],
            orders.names[at],
            tuple(Decimal(int(one.by_order[at])) / QUANTITY_SCALE for one in contracts),
            Decimal(int(gaps[at])) / QUANTITY_SCALE,
        )
        for at in chosen.tolist()
        if gaps[at]
    ]


def _item_differences(card: Contract, contracts: list[Contract], skus: dict[int, str | None]) -> list[CostDifference]:
    """Return the items whose storage differs most; none where the card prices all items together."""
    if not card.by_item:
        return []
    billed = contracts[0].by_item
    gaps = {item: card.by_item.get(item, ZERO) - billed.get(item, ZERO) for item in {*billed, *card.by_item}}
    chosen = sorted(gaps, key=lambda item: (-abs(gaps[item]), item))[:MOST_DIFFERENT]
    return [
        CostDifference(
            card.name,
            item,
            skus.get(item),
            tuple(one.by_item.get(item, ZERO) if one.by_item else None for one in contracts),
            gaps[item],
        )
        for item in chosen
        if gaps[item]
    ]
