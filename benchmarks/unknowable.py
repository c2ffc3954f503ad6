"""List the injected errors that no audit could know, with the reason, from the account's truth alone.

A price can be learned only from the charges that follow it; the rules are sentences in REASONS, which audit.py prints.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from logentic.sandbox import Account, truth
from logentic.sandbox.billing import NEW_RATES_AFTER
from logentic.sandbox.billing_errors import Charge, InjectedError
from logentic.sandbox.billing_traps import FIRST_TIER, MINIMUM, handling, picking

ENOUGH_CHARGES, ENOUGH_SHARE, ENOUGH_AFTER, ENOUGH_DAYS = 20, 0.4, 5, 15
REASONS = {
    "history": f"too little history: fewer than {ENOUGH_CHARGES} charges follow the price that was in force"
    " (a tier and a minimum are prices of their own)",
    "minority": f"the right price is the exception: fewer than {ENOUGH_SHARE:.0%} of the charges since it came into"
    " force follow it",
    "fresh": f"too fresh: afterwards fewer than {ENOUGH_AFTER} charges follow the price that was in force, nor has the"
    f" next one been followed for {ENOUGH_DAYS} days; or the price in force itself has not; or none followed it before",
}
Price = tuple[str, bool, str]


class Prices:
    """How many charges of an account follow each price of handling and picking."""

    def __init__(self, account: Account, at: datetime) -> None:
        self.scenarios: frozenset[str] = account.scenarios
        self.changed_on = account.first_day + NEW_RATES_AFTER
        self.units = {order["order_id"]: order["units"] for order in truth.orders(account, at)}
        self.following: dict[Price, int] = defaultdict(int)
        self.in_force: dict[tuple[str, bool], int] = defaultdict(int)
        self.right: dict[tuple[str, bool], int] = defaultdict(int)
        self.seen: dict[tuple[str, bool], list[tuple[date, int]]] = defaultdict(list)
        self.wrong: dict[tuple[str, Decimal], set[date]] = defaultdict(set)
        for error in truth.errors(account, at):
            if error.rule == "rate_deviation" and error.charge is not None:
                fields = error.charge.fields
                self.wrong[fields["type"], fields["amount"]].add(fields["start"])
        for charge in truth.charges(account, at):
            if charge["charge_type"] in ("handling", "picking") and charge["amount"] > 0 and not charge["is_withdrawn"]:
                self._count(charge)

    def _count(self, charge: dict[str, Any]) -> None:
        kind, is_new = charge["charge_type"], self.is_new(charge["start_date"])
        self.in_force[kind, is_new] += 1
        # Paperwork that comes late still bears the old price.
        for follows in {is_new, False}:
            if charge["amount"] == self.amount(kind, follows, charge["order_id"]):
                price = self.price(kind, follows, charge["order_id"])
                self.following[price] += 1
                if price[2] != "minimum":  # which says nothing of the price as a whole
                    self.seen[kind, follows].append((charge["start_date"], charge["charge_id"]))
                self.right[kind, is_new] += 1
                break

    def is_new(self, day: date) -> bool:
        return "rate_change" in self.scenarios and day >= self.changed_on

    def amount(self, kind: str, is_new: bool, order_id: int) -> Decimal:
        if kind == "handling":
            return handling(self.scenarios, is_new)
        return picking(self.scenarios, is_new, self.units.get(order_id, 0))

    def price(self, kind: str, is_new: bool, order_id: int) -> Price:
        if kind == "handling":
            return kind, is_new, "price"
        units = self.units.get(order_id, 0)
        if "minimum" in self.scenarios and picking(self.scenarios, is_new, units) == MINIMUM:
            return kind, is_new, "minimum"
        return kind, is_new, "tier" if "tiers" in self.scenarios and units > FIRST_TIER else "price"

    def reason(self, error: InjectedError) -> str | None:
        if error.rule != "rate_deviation" or error.charge is None or error.order_id is None:
            return None
        kind = error.charge.fields["type"]
        is_new = self.is_new(error.charge.fields["start"])
        if self.following[self.price(kind, is_new, error.order_id)] < ENOUGH_CHARGES:
            return "history"
        if self.right[kind, is_new] < ENOUGH_SHARE * self.in_force[kind, is_new]:
            return "minority"
        return "fresh" if self._is_fresh(kind, is_new, error.charge) else None

    def _is_fresh(self, kind: str, is_new: bool, charge: Charge) -> bool:
        seen = self.seen[kind, is_new]
        if min(number for _, number in seen) > charge.charge_id:
            return True
        if is_new and self._days(kind) < ENOUGH_DAYS:
            return True
        after = sum(day > self._last_alike(charge) for day, _ in seen)
        return after < ENOUGH_AFTER and (is_new or self._days(kind) < ENOUGH_DAYS)

    def _last_alike(self, charge: Charge) -> date:
        """The last day of the errors that come with it, of its type and amount."""
        start, until = charge.fields["start"], charge.fields["start"] + timedelta(ENOUGH_DAYS)
        days = self.wrong[charge.fields["type"], charge.fields["amount"]]
        return max(day for day in days if start <= day <= until)

    def _days(self, kind: str) -> int:
        days = [day for day, _ in self.seen[kind, True]]
        return (max(days) - min(days)).days + 1 if days else 0


def unknowable(account: Account, at: datetime) -> dict[int, str]:
    """The charges whose error nobody could know by then, each with the reason."""
    prices = Prices(account, at)
    reasons = {error.charge_id: prices.reason(error) for error in truth.errors(account, at) if error.charge_id}
    return {charge_id: reason for charge_id, reason in reasons.items() if charge_id and reason}
