"""Price a period's orders, charges, volumes and months by a card, exactly and in columns."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from logentic.errors import UsageError
from logentic.price_terms import FOR_EVER
from logentic.reports.quote.card import EACH_ORDER, STORAGE, CardRate, ContractCard, Storage, valid_by_type, valid_on
from logentic.reports.quote.history import MICRO, OF_ORDERS, ORDER_FACTS, PricedHistory
from logentic.transform.prices.card import Price, Range, read_price
from logentic.transform.prices.facts import (
    CHARGES_OF,
    MISSING,
    MONTH_VOLUMES,
    QUANTITY_SCALE,
    Booleans,
    Charges,
    Integers,
    Quantity,
    join,
    read_facts,
    ten_thousandths,
)
from logentic.transform.prices.learning import Card as EngineCard
from logentic.transform.prices.learning import expect

ZERO, ONE_DAY = Decimal(0), timedelta(days=1)
MOST_NAMED = 6  # regions in a reason
Key = tuple[date, str]  # month and charge type


@dataclass(frozen=True)
class Unpriced:
    """Charges or orders that a card states no price for, and why; `billed` is what was billed for them."""

    charge_type: str
    reason: str
    count: int
    billed: Decimal


@dataclass
class CardCosts:
    """What a card gives for the period; amounts of orders are ten-thousandths, by the position of the order.

    What cannot be priced stays at the amount that was billed, so that totals can be compared, and is in `unpriced`.
    """

    card: ContractCard
    by_order: dict[str, Integers] = field(default_factory=dict)
    events: dict[Key, Decimal] = field(default_factory=dict)  # billed charges that are priced one by one
    storage: dict[tuple[date, int | None], Decimal] = field(default_factory=dict)  # by month and item
    fees: dict[Key, Decimal] = field(default_factory=dict)
    as_billed: dict[Key, Decimal] = field(default_factory=dict)
    unpriced: list[Unpriced] = field(default_factory=list)
    is_whole: Booleans | None = None  # by order: everything of it is priced
    has_month_tiers: bool = False


class Orders:
    """The facts of the period's orders, once for all cards. `read_orders` makes them."""

    def __init__(self, history: PricedHistory, minor_unit: int, table: pa.Table, lines: Any, charged: pa.Table) -> None:
        self.history, self.minor_unit = history, minor_unit
        self.ids: list[int] = table.column("order_id").to_pylist()
        self.names: list[str | None] = table.column("external_name").to_pylist()
        self.month = _months(table, history.period.first)
        self.months = history.period.months
        facts = table.select(["order_id", "charge_date", *ORDER_FACTS])
        for name in ("charge_id", "charge_type", "description", "amount", "set_aside"):
            facts = facts.append_column(name, pa.nulls(len(facts), pa.string() if name != "charge_id" else pa.int64()))
        facts = facts.set_column(
            facts.schema.get_field_index("amount"), "amount", pa.nulls(len(facts), pa.decimal128(38, 4))
        )
        self.lines = lines
        self.charges = read_facts(facts, minor_unit, self.lines)
        self.units = np.where(self.charges.column("units") == MISSING, 0, self.charges.column("units"))
        self.billed: dict[str, Integers] = {}
        self.learned: dict[str, Integers] = {}
        self.quantity: dict[str, Integers] = {}
        types = np.array(charged.column("charge_type").to_pylist(), object)
        positions = charged.column("position").to_numpy()
        amounts = {name: ten_thousandths(charged.column(name)) for name in ("billed", "learned", "quantity")}
        for charge_type in dict.fromkeys(types.tolist()):
            own = np.flatnonzero(types == charge_type)
            for name, empty in (("billed", 0), ("learned", 0), ("quantity", MISSING)):
                column = np.full(len(self), empty)
                column[positions[own]] = amounts[name][own]
                getattr(self, name)[charge_type] = column

    def __len__(self) -> int:
        return len(self.ids)

    def by_month(self, amounts: Integers) -> list[int]:
        """Return the sum of each month, exactly."""
        sums = np.zeros(len(self.months), np.int64)
        np.add.at(sums, self.month, amounts)
        return [int(total) for total in sums]


def read_orders(history: PricedHistory, minor_unit: int) -> Orders:
    """Read the orders of a history, their lines, and what was charged for each."""
    return Orders(history, minor_unit, history.orders(), history.lines(), history.table(OF_ORDERS))


def price_card(card: ContractCard, orders: Orders, *, scale: Fraction = Fraction(1)) -> CardCosts:
    """Price everything by a card.

    `scale` multiplies the number of orders of each month, for its tiers; billed charges are then not priced again.
    """
    priced = CardCosts(card)
    charges, by_type = orders.charges, _by_type(card)
    columns = dict(charges.columns)
    for name in MONTH_VOLUMES:
        if scale != 1:
            scaled = columns[name].astype(object) * scale.numerator // (scale.denominator * QUANTITY_SCALE)
            columns[name] = np.maximum(scaled.astype(np.int64), 1) * QUANTITY_SCALE
    for charge_type in _in_order_of_bases(by_type):
        rates = by_type[charge_type]
        engine_card = _engine_card(charge_type, rates)
        priced.has_month_tiers |= _goes_by_month(engine_card)
        if rates[0].for_each != EACH_ORDER:
            if scale == 1:
                _price_events(priced, engine_card, rates[0].for_each, orders)
            continue
        own = columns | {"quantity": orders.quantity.get(charge_type, columns["quantity"])}
        asked = charges.with_columns(own)
        chosen, expected = expect(engine_card, asked)
        billed = orders.billed.get(charge_type, np.zeros(len(orders), np.int64))
        unpriced = _explain(priced, engine_card, asked, chosen, expected, billed)
        priced.by_order[charge_type] = np.where(unpriced, billed, np.where(expected == MISSING, 0, expected))
        priced.is_whole = ~unpriced if priced.is_whole is None else priced.is_whole & ~unpriced
        columns[CHARGES_OF + charge_type] = priced.by_order[charge_type]
    return priced


def price_rest(priced: CardCosts, orders: Orders, billed: list[dict[str, Any]]) -> None:
    """Add storage, fees and the types that stay as billed, and list the types that the card does not name."""
    card, cent = priced.card, Decimal(orders.minor_unit) / QUANTITY_SCALE
    if card.storage:
        price_storage(priced, orders, cent, billed)
    for month in orders.months:
        for fee in valid_by_type(card.fees, month):
            priced.fees[month, fee.charge_type] = fee.amount
    known = card.priced_types | set(card.included) | {minimum.charge_type for minimum in card.minimums}
    known |= {rate.for_each for rate in card.charge_rates}
    left: dict[str, list[Any]] = defaultdict(lambda: [0, ZERO])
    for row in billed:
        charge_type = row["charge_type"]
        if charge_type in known:
            continue
        if row["is_of_order"]:
            priced.by_order[charge_type] = orders.billed[charge_type]
        else:
            priced.as_billed[row["month"], charge_type] = row["billed"]
        if charge_type not in card.as_billed:
            left[charge_type][0] += row["charges"]
            left[charge_type][1] += row["billed"]
    for charge_type, (count, amount) in left.items():
        reason = "The card does not name this type: add a price, or name it under included or as_billed."
        priced.unpriced.append(Unpriced(charge_type, reason, count, amount))


def minimum_due(card: ContractCard, month: date, amounts: dict[str, Decimal]) -> dict[str, Decimal]:
    """Return what a month's charges lack of each minimum, by the minimum's type."""
    return {
        minimum.charge_type: max(minimum.amount - sum((amounts.get(name, ZERO) for name in minimum.of), ZERO), ZERO)
        for minimum in valid_by_type(card.minimums, month)
    }


def _by_type(card: ContractCard) -> dict[str, list[CardRate]]:
    by_type: dict[str, list[CardRate]] = defaultdict(list)
    for rate in card.rates:
        by_type[rate.charge_type].append(rate)
    return by_type


def _engine_card(charge_type: str, rates: list[CardRate]) -> EngineCard:
    prices = tuple(read_price(rate) for rate in rates)
    return EngineCard(charge_type, prices, (0.0,) * len(prices), 0, 0, 0.0, is_learned=False)


def _in_order_of_bases(by_type: dict[str, list[CardRate]]) -> list[str]:
    """Return the types so that a percentage follows what it is a percentage of."""
    order: list[str] = []
    waiting = {charge_type: _engine_card(charge_type, rates).bases for charge_type, rates in by_type.items()}
    while waiting:
        ready = [charge_type for charge_type, bases in waiting.items() if not bases & set(waiting)]
        if not ready:
            names = " and ".join(sorted(waiting))
            raise UsageError(f"the prices of {names} are percentages of each other", "State one of them as an amount.")
        order += ready
        waiting = {charge_type: bases for charge_type, bases in waiting.items() if charge_type not in ready}
    for charge_type, rates in by_type.items():
        if unknown := sorted(_engine_card(charge_type, rates).bases - set(by_type)):
            raise UsageError(
                f"{charge_type} is a percentage of {unknown[0]}, which the card has no price of",
                f"Add a price of {unknown[0]}, or correct the name.",
            )
    return order


def _goes_by_month(card: EngineCard) -> bool:
    limits = [one for price in card.prices for one in price.conditions if isinstance(one, Range)]
    return any(limit.quantity.column in MONTH_VOLUMES for limit in limits)


def _explain(
    priced: CardCosts, card: EngineCard, asked: Charges, chosen: Integers, expected: Integers, billed: Integers | None
) -> Booleans:
    """List the orders without a price, and return which they are.

    None of the card is for them, or a quantity of theirs is not known. Outside the days of its prices a type costs
    nothing, unless that holds for all orders.
    """
    unpriced, lacking = np.zeros(len(asked), bool), np.zeros(len(asked), bool)
    without = np.flatnonzero(chosen < 0)
    part = asked.take(without)
    for quantity in _tiers(card):
        lacking[without[part.quantity(quantity) == MISSING]] = True
    in_time = np.logical_or.reduce([_holds_at_any_time(price, part) for price in card.prices])
    other = without[~in_time & ~lacking[without]]
    if len(other):
        names = [asked.labels["region"][code] or "none" for code in np.unique(asked.column("region")[other])]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        where = f"regions {', '.join(sorted(names)[:MOST_NAMED])}{more}"
        _add(priced, card, f"No price of the card is for these orders ({where}).", other, billed)
        unpriced[other] = True
    if len(asked) and in_time.sum() == len(chosen):
        _add(priced, card, "The card's prices are for other days.", without, billed)
        unpriced[:] = True
    unknown = {quantity.column for quantity in _tiers(card)} if lacking.any() else set()
    for index in np.unique(chosen[(chosen >= 0) & (expected == MISSING)]):
        rows = np.flatnonzero((chosen == index) & (expected == MISSING))
        lacking[rows] = True
        of_price = [quantity for _, quantity in card.prices[index].formula.terms]
        unknown |= {one.column for one in of_price if (one.priced(1, asked.take(rows)) == MISSING).any()}
    if lacking.any():
        names = [name.replace("_", " ") for name in sorted(unknown)]
        reason = f"The order's {join(names)} {'is' if len(names) == 1 else 'are'} not known."
        _add(priced, card, reason, np.flatnonzero(lacking), billed)
    return np.asarray(unpriced | lacking)


def _tiers(card: EngineCard) -> set[Quantity]:
    """Return the quantities that steps of the card go by."""
    limits = [one for price in card.prices for one in price.conditions if isinstance(one, Range) and not one.is_time]
    return {limit.quantity for limit in limits}


def _holds_at_any_time(price: Price, charges: Charges) -> Any:
    held = np.ones(len(charges), bool)
    for condition in price.conditions:
        if not (isinstance(condition, Range) and condition.is_time):
            held &= condition.holds(charges)
    return held


def _add(priced: CardCosts, card: EngineCard, reason: str, rows: Integers, billed: Integers | None) -> None:
    amount = ZERO if billed is None else Decimal(int(billed[rows].sum())) / QUANTITY_SCALE
    priced.unpriced.append(Unpriced(card.charge_type, reason, len(rows), amount))


def _price_events(priced: CardCosts, card: EngineCard, billed_type: str, orders: Orders) -> None:
    """Price the charges that were billed of a type, one by one; those of orders stand with their order."""
    events = orders.history.billed_events(billed_type)
    if not len(events):
        return
    months, positions = events.column("month").to_pylist(), events.column("position").to_pylist()
    facts = events.drop_columns(["month", "position"])
    facts = facts.append_column("amount", pa.nulls(len(facts), pa.decimal128(38, 4)))
    facts = facts.append_column("set_aside", pa.nulls(len(facts), pa.string()))
    charges = read_facts(facts, orders.minor_unit, orders.lines)
    for name in card.bases:
        charges.columns[CHARGES_OF + name] = np.array(
            [MISSING if at is None else int(priced.by_order[name][at]) for at in positions], np.int64
        )
    chosen, expected = expect(card, charges)
    _explain(priced, card, charges, chosen, expected, None)
    amounts = np.zeros(len(orders), np.int64)
    for month, position, amount in zip(months, positions, expected.tolist(), strict=True):
        if amount == MISSING:
            continue
        if position is None:
            key = (month, card.charge_type)
            priced.events[key] = priced.events.get(key, ZERO) + Decimal(amount) / QUANTITY_SCALE
        else:
            amounts[position] += amount
    priced.by_order[card.charge_type] = amounts


@dataclass
class _Stored:
    """An item's volumes of one month under one price: millionths of a cubic foot, or started units."""

    terms: Storage
    total: int = 0
    first: int = 0
    last: int = 0
    peak: int = 0

    def add(self, row: dict[str, Any]) -> None:
        self.total += row["total"] or 0
        self.first += row["first"] or 0  # the first and the last day are in one row each
        self.last += row["last"] or 0
        self.peak = max(self.peak, row["peak"] or 0)

    def cost(self, month: date, opened: date, closed: date) -> Fraction:
        """Return the exact cost; the month has the days between `opened` and `closed`."""
        last = month.replace(day=monthrange(month.year, month.month)[1])
        span = (min(last, closed) - max(month, opened)).days + 1
        scale, rate = MICRO if self.terms.unit == "cubic_foot" else 1, Fraction(self.terms.rate)
        if self.terms.basis == "daily":
            return Fraction(self.total, scale) * (rate if self.terms.per == "day" else rate / last.day)
        volume = {
            # Six decimals, as bills show volumes.
            "average": Fraction(round(Fraction(self.total * MICRO, scale * span)), MICRO),
            "month_start": Fraction(self.first, scale),
            "month_end": Fraction(self.last, scale),
            "peak": Fraction(self.peak, scale),
        }[self.terms.basis]
        return volume * (rate * span if self.terms.per == "day" else rate)


def price_storage(priced: CardCosts, orders: Orders, cent: Decimal, billed: Sequence[dict[str, Any]] = ()) -> None:
    """Price the stored volumes: by item and month, or for all items together, rounded once.

    A month in which no price of storage holds stays as it was billed.
    """
    terms = priced.card.storage
    ends = [one.valid_to + ONE_DAY for one in terms if one.valid_to != FOR_EVER]
    begins = sorted({*(one.valid_from for one in terms), *ends})
    opened, closed = orders.history.stored_days()
    stored: dict[tuple[date, int, int], _Stored] = {}
    unpriced: dict[date, int] = defaultdict(int)
    unknown_days, known_days = 0, 0
    for size in {None if one.unit == "cubic_foot" else one.unit_size for one in terms}:
        for row in orders.history.stored(begins, size):
            month: date = row["month"]
            of_days = valid_on(terms, begins[row["period"] - 1]) if row["period"] else None
            is_daily = of_days is not None and of_days.basis == "daily"
            own = of_days if is_daily else valid_on(terms, max(month, opened))
            if own is None or (own.basis == "daily" and own is not of_days):
                unpriced[month] += row["days"]
            elif size == (None if own.unit == "cubic_foot" else own.unit_size):
                known_days, unknown_days = known_days + row["days"], unknown_days + row["unknown_days"]
                stored.setdefault((month, row["item_id"], id(own)), _Stored(own)).add(row)
    sums: dict[tuple[date, int | None], Fraction] = defaultdict(Fraction)
    for (month, item_id, _), volumes in stored.items():
        key = (month, item_id if volumes.terms.charged_by == "item" else None)
        sums[key] += volumes.cost(month, opened, closed)
    for key, exact in sorted(sums.items(), key=lambda entry: (entry[0][0], entry[0][1] or 0)):
        priced.storage[key] = rounded(exact, cent)
    if unknown_days:
        reason = f"The volume of {unknown_days:,} of {unknown_days + known_days:,} item-days is not known."
        priced.unpriced.append(Unpriced(STORAGE, reason, unknown_days, ZERO))
    if unpriced:
        kept = {row["month"]: row["billed"] for row in billed if row["charge_type"] == STORAGE}
        whole = {month: kept[month] for month in unpriced if month in kept and not any(month == at for at, _ in sums)}
        priced.as_billed |= {(month, STORAGE): amount for month, amount in whole.items()}
        reason = "No price of storage holds on these days of items."
        priced.unpriced.append(Unpriced(STORAGE, reason, sum(unpriced.values()), sum(whole.values(), ZERO)))


def rounded(exact: Fraction, cent: Decimal) -> Decimal:
    """Return a fraction rounded half up to whole cents."""
    steps = exact / Fraction(cent)
    whole = (2 * steps.numerator + steps.denominator) // (2 * steps.denominator)
    return (Decimal(whole) * cent).quantize(cent, ROUND_HALF_UP)


def _months(table: pa.Table, first: date) -> Integers:
    """Return the index of each order's month among the months of the period."""
    months = table.column("month").to_numpy().astype("M8[M]").astype(np.int64)
    return np.asarray(months - np.datetime64(first, "M").astype(np.int64))
