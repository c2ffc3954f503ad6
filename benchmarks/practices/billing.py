"""Every charge that a contract gives for what happened, with the right amount and the price that it follows."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from benchmarks.practices.contract import ALL, Bill, Contract, Storage, Term, bill_of, month_days, next_bill
from benchmarks.practices.prices import ZERO, Price, rounded
from benchmarks.practices.world import FIRST_DAY, HORIZON, Delivery, Item, Order, Quantity, World, days, moment

Facts = Order | Quantity


@dataclass
class Charge:
    """As the API would show it; below, what only the truth knows."""

    charge_type: str | None
    description: str
    amount: Decimal
    start: date
    end: date
    created_at: datetime
    bill: Bill
    quantity: Decimal | None = None
    order_id: int | None = None
    item_id: int | None = None
    volume: Decimal | None = None
    charge_id: int = 0

    happened_at: datetime | None = None  # what it is for; None: it follows from days that pass
    right: Decimal = ZERO
    formula: str = ""  # type, first day of the price, segment; empty where no price of the contract gives the amount
    constants: tuple[frozenset[Decimal], ...] = ()
    by_day: tuple[Decimal, ...] = ()  # what each day of storage costs, where the basis prices days
    rule: str | None = None
    beyond: str | None = None  # why nobody could know that it is wrong
    is_order_term: bool = False
    is_late: bool = False
    is_credit: bool = False


@dataclass
class Ledger:
    contract: Contract
    charges: list[Charge] = field(default_factory=list)

    def add(self, charge: Charge) -> Charge:
        self.charges.append(charge)
        return charge


def charges_of(contract: Contract, world: World, seed: int) -> list[Charge]:
    """Return all charges until HORIZON, in the order in which they are made, all of them right."""
    dice, ledger = random.Random(f"billing {seed}"), Ledger(contract)
    for term in contract.terms:
        _bill_term(term, ledger, world, dice)
    if contract.storage:
        for charge in storage_charges(contract, contract.storage, world):
            ledger.add(charge)
    _bill_recurring(ledger)
    if contract.aged:
        _bill_aged(ledger, world)
    if contract.minimum is not None:
        _top_up(ledger, contract.minimum)
    if contract.has_credits:
        _credit(ledger, dice)
    for charge in ledger.charges:
        if contract.appears == "billed":
            charge.created_at = max(charge.created_at, moment(charge.bill.billed, 5))
    ledger.charges.sort(key=lambda charge: charge.created_at)
    return ledger.charges


def _bill_term(term: Term, ledger: Ledger, world: World, dice: random.Random) -> None:
    contract = ledger.contract
    segment_of = _segments(term, world)
    if term.subject in ("order", "parcel", "adjustment"):
        for number, order in enumerate(world.orders):
            if order.shipped_at is None or (term.subject == "adjustment" and dice.random() > 0.06):
                continue
            if term.only and order.of(term.only) <= term.more_than:
                continue
            first, prices = term.period(order.day)
            price = prices.get(segment_of(order))
            if price is None:
                continue
            right = price.amount(order, contract.digits)
            if term.subject == "adjustment":
                right = rounded(Decimal(dice.randint(-250, 400)) / 100, contract.digits) or Decimal("0.40")
            if term.feeds:
                world.orders[number] = order.knows(**{term.feeds: right})
            for parcel in range(1, order.parcels + 1 if term.subject == "parcel" else 2):
                late = dice.randint(*term.days_late)
                created_at = order.shipped_at + timedelta(days=late, hours=2, seconds=parcel)
                on = created_at.date() if late else order.day
                tracking = f"1Z{order.order_id * 7919 + parcel:012d}"
                names = {"label": term.label, "order": order.order_id, "number": parcel, "of": order.parcels}
                is_priced = term.charge_type and not term.is_pass_through
                ledger.add(
                    Charge(
                        term.charge_type,
                        term.text.format(**names, tracking=tracking),
                        right,
                        order.day,
                        order.day,
                        created_at,
                        bill_of(contract.rhythm, on),
                        order_id=order.order_id if term.names_order else None,
                        happened_at=order.shipped_at,
                        right=right,
                        formula=formula(term, first, segment_of(order)) if is_priced else "",
                        constants=tuple(price.constants(order, contract.digits)),
                        is_order_term=True,
                        is_late=bool(term.days_late[1]),
                    )
                )
        return
    for what, order_id, item_id, at in _events(term, world, dice):
        first, prices = term.period(at.date())
        right = prices[ALL].amount(what, contract.digits)
        ledger.add(
            Charge(
                term.charge_type,
                term.label,
                right,
                at.date(),
                at.date(),
                at + timedelta(hours=3),
                bill_of(contract.rhythm, at.date()),
                quantity=what.quantity,
                order_id=order_id,
                item_id=item_id,
                happened_at=at,
                right=right,
                formula=formula(term, first, ALL) if term.charge_type else "",
                constants=tuple(prices[ALL].constants(what, contract.digits)),
            )
        )


def formula(term: Term, first: date, segment: str) -> str:
    return f"{term.charge_type}|{first}|{segment}"


def _segments(term: Term, world: World) -> Callable[[Order], str]:
    match term.segment:
        case "zone":
            return lambda order: order.zone
        case "province":
            return lambda order: order.province if order.country == "CA" else order.country
        case "warehouse":
            return lambda order: str(order.warehouse_id)
        case "order_type":
            return lambda order: order.order_type
        case "month_running" | "month_whole":
            so_far: Counter[tuple[int, int]] = Counter()
            rank: dict[int, int] = {}
            shipped = [order for order in world.orders if order.shipped_at]
            for order in sorted(shipped, key=lambda order: (order.shipped_at, order.order_id)):
                so_far[order.day.year, order.day.month] += 1
                rank[order.order_id] = so_far[order.day.year, order.day.month]

            def step(order: Order) -> str:
                whole = term.segment == "month_whole"
                count = so_far[order.day.year, order.day.month] if whole else rank[order.order_id]
                return str(sum(count > limit for limit in term.steps))

            return step
    return lambda order: ALL


def _events(
    term: Term, world: World, dice: random.Random
) -> Iterator[tuple[Quantity, int | None, int | None, datetime]]:
    if term.subject == "delivery":
        for delivery in sorted(world.deliveries, key=lambda delivery: delivery.received_at):
            yield Quantity(_counted(delivery, term.counted, dice)), None, delivery.item.item_id, delivery.received_at
    elif term.subject == "return":
        for back in world.returns:
            yield Quantity(Decimal(back.units)), back.order.order_id, None, back.at
    else:  # kits: one or two batches a week
        for day in days(FIRST_DAY, HORIZON):
            if dice.random() < 0.22:
                yield Quantity(Decimal(dice.randint(20, 200))), None, None, moment(day, 9)


def _counted(delivery: Delivery, counted: str, dice: random.Random) -> Decimal:
    cartons = -(-delivery.units // 24)
    if counted == "half_hours":
        return Decimal(max(1, cartons // 2) + dice.randint(0, 2))
    return Decimal({"units": delivery.units, "cartons": cartons, "pallets": -(-cartons // 8)}[counted])


def storage_charges(contract: Contract, storage: Storage, world: World) -> Iterator[Charge]:
    bill = bill_of(storage.rhythm, FIRST_DAY)
    while bill.last <= HORIZON:
        amounts = {item: storage_amount(storage, world, item, bill) for item in world.items}
        groups = [[item] for item in world.items] if storage.is_per_item else [world.items]
        created_at = moment(bill.first, 4) if storage.is_in_advance else moment(bill.last + timedelta(1), 3)
        invoice = bill_of(contract.rhythm, bill.last)
        for items in groups:
            right = rounded(sum((amounts[item][0] for item in items), ZERO), contract.digits)
            if right:
                quantity = sum((amounts[item][1] for item in items), ZERO)
                yield Charge(
                    "storage",
                    f"Storage {bill.first} to {bill.last}",
                    right,
                    bill.first,
                    bill.last,
                    created_at,
                    invoice,
                    item_id=items[0].item_id if storage.is_per_item else None,
                    volume=quantity if storage.unit == "cubic_foot" else None,
                    quantity=None if storage.unit == "cubic_foot" else quantity,
                    right=right,
                    formula=f"storage|{storage.basis}|{ALL}",
                    by_day=_by_day(storage, world, items, bill) if storage.basis in ("daily", "average") else (),
                )
        bill = next_bill(storage.rhythm, bill)


def storage_amount(storage: Storage, world: World, item: Item, bill: Bill) -> tuple[Decimal, Decimal]:
    """Return what an item's storage costs in a period, unrounded, and the quantity that it is for."""
    span = days(bill.first, bill.last)
    held = {day: _measure(storage, item, world.units_on(item, day)) for day in span}
    if storage.basis == "daily":
        return sum((held[day] * day_rate(storage, day) for day in span), ZERO), sum(held.values(), ZERO) / len(span)
    quantity = {
        "average": lambda: sum(held.values(), ZERO) / len(span),
        "month_start": lambda: held[bill.first],
        "month_end": lambda: held[bill.last],
        "peak": lambda: max(held.values()),
    }[storage.basis]()
    quantity = quantity.quantize(Decimal("0.000001"))
    rate = storage.rate(bill.first)
    return quantity * (rate * len(span) if storage.per == "day" else rate), quantity


def _by_day(storage: Storage, world: World, items: list[Item], bill: Bill) -> tuple[Decimal, ...]:
    return tuple(
        sum((_measure(storage, item, world.units_on(item, day)) for item in items), ZERO) * day_rate(storage, day)
        for day in days(bill.first, bill.last)
    )


def day_rate(storage: Storage, day: date) -> Decimal:
    """Return the rate of one day, as the API would price a day of history."""
    rate = storage.rate(day)
    if storage.per == "day":
        return rate
    length = {"week": 7, "four_weeks": 28}.get(storage.rhythm)
    if length is None:
        bill = bill_of(storage.rhythm, day)
        length = month_days(day) if storage.rhythm == "month" else (bill.last - bill.first).days + 1
    return (rate / length).quantize(Decimal("0.0000000001"))


def _measure(storage: Storage, item: Item, units: int) -> Decimal:
    volume = item.cubic_feet * units
    if storage.unit == "cubic_foot":
        return volume
    return (volume / storage.unit_size).to_integral_value(ROUND_CEILING)


def _bill_recurring(ledger: Ledger) -> None:
    contract = ledger.contract
    for recurring in contract.recurring:
        bill = bill_of(recurring.rhythm, FIRST_DAY)
        if bill.first < FIRST_DAY:
            bill = next_bill(recurring.rhythm, bill)
        while bill.last <= HORIZON:
            at = moment(bill.first, 1) if recurring.is_in_advance else moment(bill.last + timedelta(1), 3)
            invoice = bill_of(contract.rhythm, bill.first if recurring.is_in_advance else bill.last)
            ledger.add(
                Charge(
                    recurring.charge_type,
                    recurring.label,
                    recurring.amount,
                    bill.first,
                    bill.last,
                    at,
                    invoice,
                    right=recurring.amount,
                    formula=f"{recurring.charge_type}|{FIRST_DAY}|{ALL}",
                    constants=(frozenset({recurring.amount}),),
                )
            )
            bill = next_bill(recurring.rhythm, bill)


def _bill_aged(ledger: Ledger, world: World) -> None:
    """Bill stock by its age: the oldest units leave first."""
    contract = ledger.contract
    assert contract.aged
    for item in world.items:
        layers: list[list[int]] = []  # [ordinal of the day of arrival, units]
        before = 0
        for day in days(FIRST_DAY, HORIZON):
            change, before = world.units_on(item, day) - before, world.units_on(item, day)
            if change > 0:
                layers.append([day.toordinal(), change])
            while change < 0:
                taken = min(-change, layers[0][1])
                layers[0][1] -= taken
                change += taken
                if not layers[0][1]:
                    layers.pop(0)
            if day.day == 15:
                old = sum(units for arrived, units in layers if day.toordinal() - arrived > contract.aged.days)
                right = rounded(item.cubic_feet * old * contract.aged.rate, contract.digits)
                if right:
                    ledger.add(
                        Charge(
                            "aged_storage",
                            f"Stock older than {contract.aged.days} days",
                            right,
                            day,
                            day,
                            moment(day, 23),
                            bill_of(contract.rhythm, day),
                            item_id=item.item_id,
                            volume=item.cubic_feet * old,
                            right=right,
                            formula=f"aged_storage|{FIRST_DAY}|{ALL}",
                            constants=(frozenset({contract.aged.rate}),),
                        )
                    )


def _top_up(ledger: Ledger, minimum: Decimal) -> None:
    sums: dict[Bill, Decimal] = defaultdict(Decimal)
    for charge in ledger.charges:
        sums[bill_of("month", charge.start)] += charge.amount
    for bill, total in sums.items():
        if total < minimum and bill.first >= FIRST_DAY and bill.last <= HORIZON:
            at = moment(bill.last + timedelta(1), 4)
            right = minimum - total
            ledger.add(
                Charge(
                    "monthly_minimum",
                    f"Difference to the monthly minimum of {minimum}",
                    right,
                    bill.first,
                    bill.last,
                    at,
                    bill_of(ledger.contract.rhythm, bill.last),
                    right=right,
                )
            )


def _credit(ledger: Ledger, dice: random.Random) -> None:
    """Give back some charges: whole, in part, without the order's id, and whole with the charge billed again."""
    contract = ledger.contract
    chosen = [
        charge for charge in ledger.charges if charge.is_order_term and charge.amount > 1 and dice.random() < 0.012
    ]
    for number, charge in enumerate(chosen):
        at = charge.created_at + timedelta(days=dice.randint(2, 20), hours=1)
        part = rounded(charge.amount / 2, contract.digits) if number % 4 == 1 else charge.amount
        names_order = number % 4 != 2
        text = (
            f"Credit: {charge.description}"
            if names_order
            else f"Credit for order {charge.order_id}: {charge.description}"
        )
        ledger.add(
            Charge(
                charge.charge_type,
                text,
                -part,
                charge.start,
                charge.end,
                at,
                bill_of(contract.rhythm, at.date()),
                order_id=charge.order_id if names_order else None,
                right=-part,
                is_credit=True,
            )
        )
        if number % 4 == 3:
            at += timedelta(hours=1)
            ledger.add(
                Charge(
                    charge.charge_type,
                    charge.description,
                    charge.amount,
                    charge.start,
                    charge.end,
                    at,
                    bill_of(contract.rhythm, at.date()),
                    order_id=charge.order_id,
                    right=charge.right,
                    formula=charge.formula,
                    constants=charge.constants,
                    is_late=True,
                )
            )


def price_of(term: Term, order: Order, segment: str) -> Price:
    return term.period(order.day)[1][segment]
