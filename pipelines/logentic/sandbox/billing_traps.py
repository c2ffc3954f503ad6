"""Named scenarios that mislead a careless audit: legitimate oddities, and errors that come in groups."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

from logentic.sandbox.billing_errors import Charge, InjectedError, Month
from logentic.sandbox.history import CENT, History

EACH = 3  # orders of a month that a trap affects, if there are enough
PICKING, PICKING_PER_UNIT, HANDLING = Decimal("0.90"), Decimal("0.35"), Decimal("2.50")
NEW_HANDLING, NEW_PER_UNIT = Decimal("2.75"), Decimal("0.38")
MINIMUM, FIRST_TIER, SECOND_TIER_PER_UNIT = Decimal("1.60"), 4, Decimal("0.20")


def handling(scenarios: frozenset[str], is_new: bool) -> Decimal:
    """Return the price of handling an order."""
    return NEW_HANDLING if is_new and "rate_change" in scenarios else HANDLING


def picking(scenarios: frozenset[str], is_new: bool, units: int) -> Decimal:
    """Return the price of picking a number of units."""
    per_unit = NEW_PER_UNIT if is_new and "rate_change" in scenarios else PICKING_PER_UNIT
    amount = PICKING + per_unit * units
    if "tiers" in scenarios and units > FIRST_TIER:
        amount = PICKING + per_unit * FIRST_TIER + SECOND_TIER_PER_UNIT * (units - FIRST_TIER)
    return max(amount, MINIMUM) if "minimum" in scenarios else amount


class Traps:
    """The traps of one invoice."""

    def __init__(self, month: Month, random: Random, history: History) -> None:
        self.month, self.random, self.history = month, random, history
        self.added: list[Charge] = []
        self.altered: list[tuple[Charge, dict[str, Any]]] = []
        self.errors: list[InjectedError] = []

    def rebills_in_any_order(self) -> None:
        """Bill charges again before the first ones are credited; until then they are duplicates."""
        for charges in self._orders():
            charge = self.random.choice(charges)
            self._add(charge, 1)
            self._credit(charge, 3, charge.fields["amount"])
            repeated, credit = self.added[-2:]
            self._label("duplicate_charge", repeated, charge.fields["amount"], until=credit.created_at)

    def partial_credits(self) -> None:
        """Credit an excess, or grant a discount on a correct charge."""
        for number, charges in enumerate(self._orders()):
            charge = self.random.choice(charges[:2])
            excess = Decimal(self.random.randint(20, 90)) / 100
            self._credit(charge, 2, excess)
            if number % 2 == 0:  # too much until the credit arrives
                charge.fields["amount"] += excess
                self._label("rate_deviation", charge, excess, until=self.added[-1].created_at)

    def late_credits(self) -> None:
        """Credit charges on a later invoice."""
        for charges in self._orders():
            charge = self.random.choice(charges)
            self._credit(charge, 0, charge.fields["amount"], at=self.month.invoiced_at + timedelta(hours=20))

    def credits_of_several(self) -> None:
        """Credit all charges of an order at once, and bill them again."""
        for charges in self._orders():
            self._credit(charges[0], 2, sum((c.fields["amount"] for c in charges), Decimal(0)), type="credit")
            for number, charge in enumerate(charges):
                self._add(charge, 3 + number)

    def credits_dated_otherwise(self) -> None:
        """Date credits by the day on which they were given."""
        for charges in self._orders():
            charge = self.random.choice(charges)
            self._credit(charge, 2, charge.fields["amount"], start=self._last_day(), end=self._last_day())

    def wrong_week(self) -> None:
        """Handle orders at another price in one week of the month only."""
        first = self.month.start + timedelta(days=7)
        if min((charge.fields["start"] for charge in self.month.order_charges), default=first) >= first:
            return  # a week needs another price before it to stand out
        for charge in list(self.month.order_charges):
            if charge.fields["type"] == "handling" and first <= charge.fields["start"] < first + timedelta(days=7):
                stake = (charge.fields["amount"] * Decimal("0.4")).quantize(CENT, ROUND_HALF_UP)
                charge.fields["amount"] += stake
                self._untouchable(charge.fields["order_id"])
                self._label("rate_deviation", charge, stake)

    def storage_at_month_end(self) -> None:
        """Bill storage by the volume of the month's last day."""
        self._bill_storage_by("month_end")

    def storage_at_peak(self) -> None:
        """Bill storage by the highest volume of the month."""
        self._bill_storage_by("peak")

    def _bill_storage_by(self, basis: str) -> None:
        self.month.storage_basis = basis
        for charge in self.month.storage_charges:
            by_basis = self.history.storage_by_basis(charge.fields["item_id"], charge.fields["start"], self._last_day())
            self.altered.append((charge, {"amount": by_basis[basis]}))

    def _last_day(self) -> date:
        return self.month.end - timedelta(days=1)

    def _orders(self) -> list[list[Charge]]:
        """Return the charges of some orders early in the month, and reserve them."""
        by_order: dict[int, list[Charge]] = {}
        for charge in self.month.order_charges:
            if charge.fields["start"] < self.month.end - timedelta(days=3):
                by_order.setdefault(charge.fields["order_id"], []).append(charge)
        whole = [order_id for order_id, charges in by_order.items() if len(charges) == 3]
        chosen = self.random.sample(whole, min(EACH, len(whole) // 12))
        for order_id in chosen:
            self._untouchable(order_id)
        return [by_order[order_id] for order_id in chosen]

    def _untouchable(self, order_id: int) -> None:
        self.month.order_charges = [c for c in self.month.order_charges if c.fields["order_id"] != order_id]

    def _add(self, charge: Charge, hours: int, **different: Any) -> None:
        self.added.append(Charge(charge.created_at + timedelta(hours=hours), dict(charge.fields) | different))

    def _credit(
        self, charge: Charge, hours: int, amount: Decimal, at: datetime | None = None, **different: Any
    ) -> None:
        created_at = at or charge.created_at + timedelta(hours=hours)
        fields = dict(charge.fields) | {"amount": -amount, "description": f"Credit {charge.fields['description']}"}
        self.added.append(Charge(created_at, fields | different))

    def _label(self, rule: str, charge: Charge, stake: Decimal, until: datetime | None = None) -> None:
        order_id, payment_id = charge.fields["order_id"], self.month.payment_id
        label = InjectedError(rule, charge, order_id, stake, payment_id, charge.created_at, known_until=until)
        self.errors.append(label)


TRAPS: Mapping[str, Callable[[Traps], None]] = {
    trap.__name__: trap
    for trap in (
        Traps.rebills_in_any_order,
        Traps.partial_credits,
        Traps.late_credits,
        Traps.credits_of_several,
        Traps.credits_dated_otherwise,
        Traps.wrong_week,
        Traps.storage_at_month_end,
        Traps.storage_at_peak,
    )
}
# Traps in the prices and dates themselves.
PRICING = frozenset({"rate_change", "tiers", "minimum", "late_paperwork"})


def set_traps(month: Month, random: Random, scenarios: frozenset[str], history: History) -> Traps:
    """Set the requested traps of the month."""
    traps = Traps(month, random, history)
    for name, trap in TRAPS.items():
        if name in scenarios:
            trap(traps)
    return traps
