"""Wrong charges among right ones, and which of them nobody could know, decided from the truth alone.

Each error is made under one rule of the audit's definitions. What nobody could know is marked here, before anything is
measured.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from benchmarks.practices.billing import Charge
from benchmarks.practices.catalogue import Practice
from benchmarks.practices.contract import Contract, Term, bill_of
from benchmarks.practices.prices import rounded
from benchmarks.practices.world import NOW, Order, World, moment

RULES = (
    "duplicate_charge",
    "cancelled_order",
    "unknown_order",
    "storage_overbilled",
    "storage_underbilled",
    "missing_charge",
    "outside_period",
    "rate_deviation",
)
FEW_CHARGES, FEW_IN_STEP, RIGHT_SHARE = 20, 5, Decimal("0.9")
PEERS, PEER_SHARE = 30, Decimal("0.98")
REASONS = {
    "equal_lines": "a duplicate among lines that the biller repeats with all fields equal",
    "no_type": "an error that only the type would show, of a charge without a type",
    "few_charges": f"a price that fewer than {FEW_CHARGES} right charges follow in its segment and period",
    "few_in_step": f"a step or figure of a price that fewer than {FEW_IN_STEP} right charges show",
    "mostly_wrong": "a price that less than 90 % of the charges of its segment and period follow",
    "few_peers": f"a missing charge where fewer than {PEERS} orders, or less than 98 % of them, have the type",
}


@dataclass(frozen=True)
class Missing:
    """A charge that should have been made and was not."""

    order_id: int
    charge_type: str
    right: Decimal
    beyond: str | None = None


class Injector:
    """Makes errors in the charges that are visible at NOW."""

    def __init__(self, practice: Practice, contract: Contract, world: World, charges: list[Charge], seed: int) -> None:
        self.practice, self.contract, self.world, self.charges = practice, contract, world, charges
        self.dice = random.Random(f"errors {practice.name} {seed}")
        self.missing: list[Missing] = []
        self.used: set[int] = set()  # id() of charges that an error concerns
        self.removed: set[int] = set()
        self.pools: dict[str, list[Charge]] = {}
        self.orders = {order.order_id: order for order in world.orders}
        self.complete = {term.charge_type for term in contract.terms if _is_complete(term)}
        own = [c for c in charges if c.is_order_term and c.order_id and not c.is_late]
        self.plain_types = list(dict.fromkeys(charge.charge_type for charge in own))
        self.lines_of: Counter[tuple[int, str | None]] = Counter()
        self.types_of: dict[int, set[str | None]] = defaultdict(set)
        self.sizes: Counter[tuple[object, ...]] = Counter()  # orders that have a type, by those to compare with
        self.gone: Counter[tuple[object, ...]] = Counter()
        for charge in self.visible():
            if charge.order_id:
                self.lines_of[charge.order_id, charge.charge_type] += 1
                self.types_of[charge.order_id].add(charge.charge_type)
        for order_id, charge_type in self.lines_of:
            order = self.orders[order_id]
            if order.completed_at and order.completed_at <= NOW - timedelta(7):
                self.sizes[charge_type, *_group(order)] += 1

    def run(self, percent: int) -> list[Missing]:
        """Inject errors in `percent` of the visible charges, the rules in turn as long as each finds a charge."""
        wanted = round(len(self.visible()) * percent / 100)
        makers: list[Callable[[], bool]] = [getattr(self, f"_{rule}") for rule in RULES]
        turn = 0
        while wanted and makers:
            maker = makers[turn % len(makers)]
            if maker():
                wanted -= 1
                turn += 1
            else:
                makers.remove(maker)
        if wanted:
            raise ValueError(f"{self.practice.name}: {wanted} errors found no charge")
        self.charges[:] = [charge for charge in self.charges if id(charge) not in self.removed]
        self.charges.sort(key=lambda charge: charge.created_at)
        self._mark_unknowable()
        return self.missing

    def visible(self) -> list[Charge]:
        return [charge for charge in self.charges if charge.created_at <= NOW]

    def _next(self, name: str, fits: Callable[[Charge], bool]) -> Charge | None:
        """Draw a charge that fits and that no other error concerns."""
        if name not in self.pools:
            pool = [charge for charge in self.visible() if not charge.is_credit and fits(charge)]
            self.dice.shuffle(pool)
            self.pools[name] = pool
        while self.pools[name]:
            charge = self.pools[name].pop()
            if id(charge) not in self.used and charge.rule is None:
                self.used.add(id(charge))
                return charge
        return None

    def _add(self, charge: Charge, rule: str) -> bool:
        charge.rule, charge.right = rule, Decimal(0)
        self.used.add(id(charge))
        self.charges.append(charge)
        return True

    def _duplicate_charge(self) -> bool:
        charge = self._next(
            "duplicate", lambda charge: charge.amount > 0 and bool(charge.formula or charge.is_order_term)
        )
        if charge is None:
            return False
        if self.contract.appears == "billed":
            return self._add(replace(charge, created_at=charge.created_at + timedelta(minutes=1)), "duplicate_charge")
        later = min(charge.created_at + timedelta(hours=self.dice.randint(1, 96)), NOW)
        # A copy stands on the invoice of its original, or on the next one where that was sent already.
        bill = charge.bill if later.date() < charge.bill.billed else bill_of(self.contract.rhythm, later.date())
        return self._add(replace(charge, created_at=later, bill=bill), "duplicate_charge")

    def _cancelled_order(self) -> bool:
        taken = {(charge.order_id, charge.charge_type) for charge in self.charges if charge.rule == "cancelled_order"}
        options = [
            (order, charge_type)
            for order in self.world.orders
            if order.shipped_at is None and order.created_at < NOW - timedelta(2) and self._is_shown(order)
            for charge_type in self.plain_types
            if (order.order_id, charge_type) not in taken
        ]
        self.dice.shuffle(options)
        for order, charge_type in options:
            like = self._like(order, charge_type)
            if like is not None:
                day, bill = order.day, bill_of(self.contract.rhythm, order.day)
                is_billed = self.contract.appears == "billed"
                at = moment(bill.billed, 5) if is_billed else order.created_at + timedelta(hours=20)
                text = like.description.replace(str(like.order_id), str(order.order_id))
                made = replace(
                    like, order_id=order.order_id, start=day, end=day, created_at=at, description=text, bill=bill
                )
                return self._add(made, "cancelled_order")
        return False

    def _is_shown(self, order: Order) -> bool:
        return self.contract.appears == "daily" or bill_of(self.contract.rhythm, order.day).billed <= NOW.date()

    def _like(self, order: Order, charge_type: str | None) -> Charge | None:
        """A right charge of an order of the same kind, made at about the time."""
        alike = [
            charge
            for charge in self.visible()
            if charge.charge_type == charge_type
            and charge.is_order_term
            and charge.order_id
            and charge.rule is None
            and abs((charge.start - order.day).days) <= 3
            and charge.amount > 0
        ]
        return self.dice.choice(alike) if alike else None

    def _unknown_order(self) -> bool:
        charge = self._next(
            "unknown", lambda charge: charge.is_order_term and bool(charge.order_id) and charge.amount > 0
        )
        if charge is None or charge.order_id is None:
            return False
        other = charge.order_id + self.dice.choice((1, 2))  # a gap between the account's orders
        text = charge.description.replace(str(charge.order_id), str(other))
        return self._add(replace(charge, order_id=other, description=text), "unknown_order")

    def _storage_overbilled(self) -> bool:
        return self._misbill_storage("storage_overbilled", 1)

    def _storage_underbilled(self) -> bool:
        return self._misbill_storage("storage_underbilled", -1)

    def _misbill_storage(self, rule: str, sign: int) -> bool:
        smallest = Decimal(1).scaleb(-self.contract.digits)
        while charge := self._next("storage", lambda charge: charge.charge_type == "storage"):
            same = [other for other in self.visible() if other.charge_type == "storage" and other.start == charge.start]
            wrong = sum(other.rule is not None for other in same)
            off = max(rounded(charge.amount * self.dice.randint(5, 30) / 100, self.contract.digits), 3 * smallest)
            # The other storage of the invoice shows how it is billed: at least seven of eight charges stay right.
            if (wrong + 1) * 8 <= len(same) and off < charge.amount:
                charge.amount += sign * off
                charge.rule = rule
                return True
        return False

    def _missing_charge(self) -> bool:
        def fits(charge: Charge) -> bool:
            order = self.orders.get(charge.order_id or 0)
            return bool(
                order
                and order.completed_at
                and order.completed_at < NOW - timedelta(8)
                and charge.is_order_term
                and charge.formula
                and not charge.is_late
                and charge.charge_type in self.complete
                and len(self.types_of[order.order_id]) > 1
                and self.lines_of[order.order_id, charge.charge_type] == 1
            )

        while charge := self._next("missing", fits):
            order = self.orders[charge.order_id or 0]
            group = (charge.charge_type, *_group(order))
            if self.gone[group] + 1 <= self.sizes[group] // 100 and all(
                lost.order_id != order.order_id for lost in self.missing
            ):
                self.gone[group] += 1
                self.missing.append(Missing(order.order_id, str(charge.charge_type), charge.right))
                self.removed.add(id(charge))
                return True
            self.used.discard(id(charge))
        return False

    def _outside_period(self) -> bool:
        charge = self._next(
            "outside",
            lambda charge: (
                charge.is_order_term and not charge.is_late and charge.bill.billed <= NOW.date() and charge.amount > 0
            ),
        )
        if charge is None:
            return False
        away = timedelta(self.dice.randint(50, 95))
        charge.start, charge.end = charge.start - away, charge.end - away
        charge.rule = "outside_period"
        return True

    def _rate_deviation(self) -> bool:
        charge = self._next(
            "rate",
            lambda charge: (
                bool(charge.formula) and charge.charge_type not in ("storage", "aged_storage") and charge.amount > 0
            ),
        )
        if charge is None:
            return False
        smallest = Decimal(1).scaleb(-self.contract.digits)
        off = max(rounded(charge.amount * self.dice.randint(8, 45) / 100, self.contract.digits), 5 * smallest)
        charge.amount += off if self.dice.random() < 0.75 or off >= charge.amount else -off
        charge.rule = "rate_deviation"
        return True

    def _mark_unknowable(self) -> None:
        visible = self.visible()
        follow = Counter(charge.formula for charge in visible if charge.formula and _is_right(charge))
        priced = Counter(
            charge.formula for charge in visible if charge.formula and charge.rule in (None, "rate_deviation")
        )
        figures = Counter(
            (charge.formula, figure) for charge in visible if _is_right(charge) for figure in charge.constants
        )
        equal = _repeated_types(visible)
        for charge in visible:
            if charge.rule == "duplicate_charge":
                charge.beyond = (
                    "no_type" if charge.charge_type is None else "equal_lines" if charge.charge_type in equal else None
                )
            elif charge.rule == "rate_deviation":
                charge.beyond = self._beyond_price(charge, follow, priced, figures)
        for number, missing in enumerate(self.missing):
            group = (missing.charge_type, *_group(self.orders[missing.order_id]))
            peers = self.sizes[group]
            few = peers < PEERS or (peers - self.gone[group]) < PEER_SHARE * peers
            self.missing[number] = replace(missing, beyond="few_peers" if few else None)

    @staticmethod
    def _beyond_price(
        charge: Charge,
        follow: Counter[str],
        priced: Counter[str],
        figures: Counter[tuple[str, frozenset[Decimal]]],
    ) -> str | None:
        if follow[charge.formula] < FEW_CHARGES:
            return "few_charges"
        if follow[charge.formula] < RIGHT_SHARE * priced[charge.formula]:
            return "mostly_wrong"
        few = any(figures[charge.formula, figure] < FEW_IN_STEP for figure in charge.constants)
        return "few_in_step" if few else None


def _group(order: Order) -> tuple[object, ...]:
    assert order.completed_at
    return order.completed_at.year, order.completed_at.month, order.order_type, order.warehouse_id


def _is_complete(term: Term) -> bool:
    """Whether every order has a charge of the term."""
    if term.charge_type is None or term.subject != "order" or term.only or term.days_late[1] or not term.names_order:
        return False
    if term.segment == "province":
        return len(term.periods[0][1]) > 2
    return all(prices for _, prices in term.periods)


def _is_right(charge: Charge) -> bool:
    return charge.rule is None and not charge.is_credit


def _repeated_types(charges: Iterable[Charge]) -> set[str | None]:
    """Types of which more than 5 % of the right lines repeat with all fields equal."""
    seen: Counter[tuple[object, ...]] = Counter()
    for charge in charges:
        if _is_right(charge) and charge.order_id:
            seen[
                charge.charge_type, charge.description, charge.order_id, charge.quantity, charge.start, charge.amount
            ] += 1
    lines, repeats = Counter[str | None](), Counter[str | None]()
    for (charge_type, *_), count in seen.items():
        lines[charge_type] += count  # type: ignore[index]
        repeats[charge_type] += count - 1  # type: ignore[index]
    return {charge_type for charge_type, count in lines.items() if repeats[charge_type] > 0.05 * count}
