"""Inject billing errors into an invoice, each on a charge of its own and with a label."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from logentic.sandbox.history import CENT, History

WORTH_A_MISTAKE = Decimal("4.00")
ENOUGH_TIME = timedelta(days=7)


@dataclass(eq=False)
class Charge:
    """A charge before it is billed."""

    created_at: datetime
    fields: dict[str, Any]
    kind: str = "charge_created"
    charge_id: int = 0
    is_forgotten: bool = False


@dataclass
class Month:
    """The contents of a month's invoice."""

    start: date
    end: date
    invoiced_at: datetime
    payment_id: int
    order_charges: list[Charge] = field(default_factory=list)
    storage_charges: list[Charge] = field(default_factory=list)
    completed: dict[int, datetime] = field(default_factory=dict)
    cancelled: list[tuple[int, date]] = field(default_factory=list)
    storage_basis: str = "daily"


@dataclass(frozen=True)
class InjectedError:
    """The label of an error: a perfect audit reports exactly this, from `known_at` until `known_until`."""

    rule: str
    charge: Charge | None
    order_id: int | None
    amount_at_stake: Decimal
    payment_id: int
    known_at: datetime
    charge_type: str | None = None
    known_until: datetime | None = None

    @property
    def charge_id(self) -> int | None:
        """The wrong charge; None where one is missing."""
        return self.charge.charge_id if self.charge else None


def is_alike(amount: Decimal, right: Decimal) -> bool:
    """Return whether two amounts are too close to tell apart: an error must differ by every storage basis."""
    return abs(amount - right) <= max(Decimal("0.02"), right / 100)


class Injection:
    """Draw errors for one invoice, so that no two concern the same order, item or charge."""

    def __init__(self, month: Month, random: Random, orders: set[int], history: History) -> None:
        self.month, self.random, self.history, self.orders = month, random, history, orders
        self.errors: list[InjectedError] = []
        self.added: list[Charge] = []
        self.altered: list[tuple[Charge, dict[str, Any]]] = []
        by_order: dict[int, list[Charge]] = {}
        for charge in month.order_charges:
            by_order.setdefault(charge.fields["order_id"], []).append(charge)
        self.by_order = {order_id: charges for order_id, charges in by_order.items() if len(charges) == 3}
        self.at = month.invoiced_at + timedelta(seconds=1)

    def label(
        self,
        rule: str,
        charge: Charge | None,
        stake: Decimal,
        order_id: int | None = None,
        charge_type: str | None = None,
    ) -> None:
        """Write down what an audit must find."""
        known_at = self.at
        if rule == "missing_charge" and order_id is not None:
            known_at = max(known_at, self.month.completed[order_id] + ENOUGH_TIME)
        self.errors.append(InjectedError(rule, charge, order_id, stake, self.month.payment_id, known_at, charge_type))

    def add(self, rule: str, fields: Mapping[str, Any], **different: Any) -> None:
        """Add a charge that does not belong on the invoice."""
        billed = {"payment_id": self.month.payment_id, "billed_date": self.at_day}
        charge = Charge(self.at, dict(fields) | billed | different)
        self.added.append(charge)
        self.label(rule, charge, charge.fields["amount"], charge.fields["order_id"])

    @property
    def at_day(self) -> date:
        """The billed date."""
        return self.month.end + timedelta(days=2)

    def some_orders(self, count: int, among: Iterable[int] | None = None) -> list[int]:
        """Return orders without an error, and mark them as used."""
        candidates = [order_id for order_id in (self.by_order if among is None else among) if order_id in self.by_order]
        chosen = self.random.sample(candidates, min(count, len(candidates)))
        self.chosen = {order_id: self.by_order.pop(order_id) for order_id in chosen}
        return chosen

    def duplicate_charge(self, count: int) -> None:
        """Bill the same charge twice."""
        for order_id in self.some_orders(count):
            self.add("duplicate_charge", self.random.choice(self.chosen[order_id]).fields)

    def cancelled_order(self, count: int) -> None:
        """Bill handling of an order that was never shipped."""
        cancelled = self.random.sample(self.month.cancelled, min(count, len(self.month.cancelled)))
        for order_id, day in cancelled:
            self._handling("cancelled_order", order_id, day)

    def unknown_order(self, count: int) -> None:
        """Bill handling of an order that does not exist: a number between two that do."""
        last = max(self.by_order)
        near = [order_id + 1 for order_id in self.by_order if order_id + 1 not in self.orders and order_id < last]
        for order_id in self.random.sample(near, min(count, len(near))):
            self._handling("unknown_order", order_id, self.by_order[order_id - 1][0].fields["start"])

    def _handling(self, rule: str, order_id: int, day: date) -> None:
        example = next(iter(self.by_order.values()))[0].fields
        described = f"Handling, order {order_id}"
        self.add(rule, example, order_id=order_id, start=day, end=day, description=described)

    def storage_overbilled(self, count: int) -> None:
        """Bill storage above the basis that the other charges follow."""
        self._misbill("storage_overbilled", count, 1)

    def storage_underbilled(self, count: int) -> None:
        """Bill storage below the basis."""
        self._misbill("storage_underbilled", count, -1)

    def _misbill(self, rule: str, count: int, sign: int) -> None:
        touched = {id(charge) for charge, _ in self.altered}
        worth = {}
        for charge in self.month.storage_charges:
            fields = charge.fields
            last = self.month.end - timedelta(days=1)
            by_basis = self.history.storage_by_basis(fields["item_id"], fields["start"], last)
            if by_basis[self.month.storage_basis] >= WORTH_A_MISTAKE and id(charge) not in touched:
                worth[charge] = by_basis
        if self.month.storage_basis != "daily":
            count = min(count, len(worth) // 10)  # the others must show the basis
        for charge in self.random.sample(list(worth), min(count, len(worth))):
            right, stake = worth[charge][self.month.storage_basis], Decimal(0)
            while any(is_alike(right + sign * stake, amount) for amount in worth[charge].values()):
                share = Decimal(self.random.randint(4, 25)) / 100
                stake = (right * share).quantize(CENT, ROUND_HALF_UP)
            self.altered.append((charge, {"amount": right + sign * stake}))
            self.label(rule, charge, stake)

    def missing_charge(self, count: int) -> None:
        """Omit a charge that all the order's peers have. Late in the month, so that the error is certain only once the
        month is billed.
        """
        late = self.month.invoiced_at - ENOUGH_TIME
        completed = [order_id for order_id, at in self.month.completed.items() if at >= late]
        few_enough = len(self.month.completed) // 50
        for order_id in self.some_orders(min(count, few_enough), completed):
            charge = self.random.choice(self.chosen[order_id])
            charge.is_forgotten = True
            self.label("missing_charge", None, charge.fields["amount"], order_id, charge.fields["type"])

    def outside_period(self, count: int) -> None:
        """Bill days of an earlier invoice."""
        for order_id in self.some_orders(count):
            charge = self.random.choice(self.chosen[order_id])
            day = charge.fields["start"] - timedelta(days=self.random.randint(32, 45))
            self.altered.append((charge, {"start": day, "end": day}))
            self.label("outside_period", charge, charge.fields["amount"], order_id)

    def rate_deviation(self, count: int) -> None:
        """Bill an amount that differs from the rate that all others follow."""
        for order_id in self.some_orders(count):
            charge = self.random.choice(self.chosen[order_id][:2])
            stake = (charge.fields["amount"] * self.random.randint(15, 90) / 100).quantize(CENT, ROUND_HALF_UP)
            self.altered.append((charge, {"amount": charge.fields["amount"] + stake}))
            self.label("rate_deviation", charge, stake, order_id)


# Errors with the fewest candidates choose first.
RULES: tuple[Callable[[Injection, int], None], ...] = (
    Injection.missing_charge,
    Injection.unknown_order,
    Injection.cancelled_order,
    Injection.storage_overbilled,
    Injection.storage_underbilled,
    Injection.duplicate_charge,
    Injection.outside_period,
    Injection.rate_deviation,
)
DEFAULT_ERRORS = {rule.__name__: 1 for rule in RULES}


def inject(month: Month, random: Random, counts: Mapping[str, int], orders: set[int], history: History) -> Injection:
    """Draw as many errors of each rule as requested, as far as there are suitable charges."""
    injection = Injection(month, random, orders, history)
    for rule in RULES:
        if injection.by_order:
            rule(injection, counts.get(rule.__name__, 0))
    return injection
