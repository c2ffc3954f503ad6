"""The injected billing errors are exactly those that a plain, slow audit by the rules finds: no more, no less."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from logentic.sandbox import truth
from logentic.sandbox.account import Account

TODAY = date(2026, 3, 18)
NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
Found = set[tuple[str, int | None, int | None, Decimal]]


@cache
def default_account() -> Account:
    return Account(today=TODAY)


class Audit:
    """Applies the rules of the reconciliation to everything there is, one rule per charge."""

    def __init__(self, account: Account, at: datetime) -> None:
        self.account, self.at = account, at
        self.orders = {row["order_id"]: row for row in truth.orders(account, at)}
        self.charges = truth.charges(account, at)
        self.settled = self._settled()
        self.found: Found = set()
        flagged: set[int] = set()
        for rule in (
            self.duplicate_charge,
            self.cancelled_order,
            self.unknown_order,
            self.storage,
            self.outside_period,
            self.rate_deviation,
        ):
            for name, charge, stake in rule():
                if charge["charge_id"] not in flagged | self.settled:
                    flagged.add(charge["charge_id"])
                    self.found.add((name, charge["charge_id"], charge["order_id"], stake))
        self.found |= {("missing_charge", None, *missing) for missing in self.missing_charge()}

    @staticmethod
    def key(charge: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(charge[name] for name in ("charge_type", "order_id", "item_id", "start_date", "end_date"))

    def _settled(self) -> set[int]:
        settled: set[int] = set()
        for credit in (charge for charge in self.charges if charge["amount"] < 0):
            credited = next(
                charge
                for charge in self.charges
                if self.key(charge) == self.key(credit)
                and charge["amount"] == -credit["amount"]
                and charge["charge_id"] not in settled
            )
            settled |= {credited["charge_id"], credit["charge_id"]}
        return settled

    def duplicate_charge(self) -> Any:
        seen = set()
        for charge in self.charges:
            if charge["charge_id"] in self.settled:
                continue
            key = (*self.key(charge), charge["amount"])
            if key in seen:
                yield "duplicate_charge", charge, charge["amount"]
            seen.add(key)

    def cancelled_order(self) -> Any:
        for charge in self.charges:
            order = self.orders.get(charge["order_id"])
            if order and order["status"] == "CANCELLED":
                yield "cancelled_order", charge, charge["amount"]

    def unknown_order(self) -> Any:
        for charge in self.charges:
            if charge["order_id"] and charge["order_id"] not in self.orders:
                yield "unknown_order", charge, charge["amount"]

    def storage(self) -> Any:
        prices = {(row["item_id"], row["date"]): row["price"] for row in truth.item_days(self.account, self.at)}
        for charge in (charge for charge in self.charges if charge["charge_type"] == "storage"):
            days = [charge["start_date"] + timedelta(n) for n in range(31)]
            expected = sum(prices.get((charge["item_id"], day), 0) for day in days if day <= charge["end_date"])
            difference = charge["amount"] - Decimal(int(expected * 100 + Decimal("0.5"))) / 100
            if abs(difference) > Decimal("0.01") and (abs(difference) > 1 or abs(difference) > expected / 200):
                yield f"storage_{'over' if difference > 0 else 'under'}billed", charge, abs(difference)

    def outside_period(self) -> Any:
        stored = defaultdict(list)
        for charge in self.charges:
            if charge["charge_type"] == "storage":
                stored[charge["payment_id"]].append(charge)
        for charge in (charge for charge in self.charges if charge["is_billed"]):
            days = stored[charge["payment_id"]]
            first, last = min(row["start_date"] for row in days), max(row["end_date"] for row in days)
            if charge["start_date"] < first or charge["end_date"] > last:
                yield "outside_period", charge, charge["amount"]

    def rate_deviation(self) -> Any:
        units = {order_id: order["units"] for order_id, order in self.orders.items()}
        for charge in self.charges:
            rate = {
                "handling": Decimal("2.50"),
                "picking": Decimal("0.90") + Decimal("0.35") * units.get(charge["order_id"], 0),
            }
            expected = rate.get(charge["charge_type"])
            if expected is not None and charge["amount"] not in {expected, -expected}:
                yield "rate_deviation", charge, abs(charge["amount"] - expected)

    def missing_charge(self) -> Any:
        completed = {
            event.key: event.at
            for event in self.account.events
            if event.kind == "order_completed" and event.at <= self.at
        }
        types: dict[int, set[str]] = defaultdict(set)
        for charge in self.charges:
            types[charge["order_id"]].add(charge["charge_type"])
        peers: dict[str, list[int]] = defaultdict(list)
        for order_id, at in completed.items():
            peers[f"{at:%Y-%m}"].append(order_id)
        for order_id, at in completed.items():
            others = [other for other in peers[f"{at:%Y-%m}"] if other != order_id]
            for charge_type in ("handling", "picking", "shipping"):
                have = sum(charge_type in types[other] for other in others)
                is_old = at + timedelta(days=7) <= self.at
                if is_old and types[order_id] and charge_type not in types[order_id]:
                    assert len(others) >= 30
                    assert have >= 0.98 * len(others)
                    yield order_id, self.price(order_id, charge_type)

    def price(self, order_id: int, charge_type: str) -> Decimal:
        """What the others paid for the same."""
        missing = next(error for error in self.account.errors if error.charge_id is None and error.order_id == order_id)
        if charge_type == "handling":
            assert missing.amount_at_stake == Decimal("2.50")
        if charge_type == "picking":
            assert missing.amount_at_stake == Decimal("0.90") + Decimal("0.35") * self.orders[order_id]["units"]
        return missing.amount_at_stake


def injected(account: Account, at: datetime) -> Found:
    return {(error.rule, error.charge_id, error.order_id, error.amount_at_stake) for error in truth.errors(account, at)}


@pytest.mark.parametrize("seed", range(1, 6))
def test_an_audit_finds_exactly_what_was_injected(seed: int) -> None:
    account = Account(seed, 0.4, 100, TODAY)
    for at in (NOON, NOON - timedelta(days=16), NOON - timedelta(days=14, hours=6), NOON + timedelta(days=20)):
        assert Audit(account, at).found == injected(account, at), at


def test_default_account_has_a_few_errors_of_each_kind() -> None:
    account = default_account()
    counts = Counter(error.rule for error in truth.errors(account, NOON))
    assert set(counts.values()) <= {5, 6}
    assert len(counts) == 8
    assert Audit(account, NOON).found == injected(account, NOON)


def test_errors_can_be_multiplied_and_switched_off() -> None:
    many = Account(4, 0.6, 100, TODAY, errors={"duplicate_charge": 7, "rate_deviation": 3})
    assert Audit(many, NOON).found == injected(many, NOON)
    by_invoice = Counter((error.rule, error.payment_id) for error in many.errors)
    assert set(by_invoice) == {(rule, p) for rule in ("duplicate_charge", "rate_deviation") for _, p in by_invoice}
    assert by_invoice["duplicate_charge", many.payment_id(TODAY)] == 7
    none = Account(4, 0.6, 100, TODAY, errors={})
    assert none.errors == []
    assert Audit(none, NOON).found == set()


def test_a_crowd_of_errors_stays_out_of_the_way_of_credits() -> None:
    crowded = Account(2, 0.5, 60, TODAY, errors={"duplicate_charge": 400})
    assert len(truth.errors(crowded, NOON)) > 400
    assert Audit(crowded, NOON).found == injected(crowded, NOON)


def test_charges_go_missing_only_while_nearly_all_peers_have_them() -> None:
    account = Account(4, 0.4, 100, TODAY, errors={"missing_charge": 99})
    assert len(truth.errors(account, NOON)) > 5
    assert Audit(account, NOON).found == injected(account, NOON)


def test_an_open_month_holds_no_error() -> None:
    account = default_account()
    billed = {row["charge_id"] for row in truth.charges(account, NOON) if row["is_billed"]}
    assert {error.charge_id for error in truth.errors(account, NOON)} <= billed | {None}


def test_credits_and_rebills_are_there_and_can_be_left_out() -> None:
    charges = truth.charges(default_account(), NOON)
    assert any(row["amount"] < 0 for row in charges)
    assert any(row["charge_type"] == "custom" for row in charges)
    plain = truth.charges(Account(1, 0.4, 100, TODAY, scenarios=()), NOON)
    assert not any(row["amount"] < 0 or row["charge_type"] == "custom" for row in plain)
