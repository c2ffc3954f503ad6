"""Truth and API come to the same from two sides: what happened, and the counters that followed."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from logentic.sandbox import truth
from logentic.sandbox.account import Account
from logentic.sandbox.history import cubic_feet, storage_price
from logentic.sandbox.readings import Readings
from logentic.sandbox.state import AccountState

TODAY = date(2026, 3, 18)
MOMENTS = [
    datetime(2026, 3, 18, 12, tzinfo=UTC),
    datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC),  # closed, not yet billed
    datetime(2026, 3, 3, 6, 0, 1, tzinfo=UTC),  # just billed
    datetime(2026, 2, 1, tzinfo=UTC),  # a month has just ended
]
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "montreal": {"timezone": "America/Toronto"},
    "tokyo": {"timezone": "Asia/Tokyo"},
    "one storage charge": {"storage_charges": "account"},
    "returns as adjustments": {"returned_as": "adjusted"},
}


@cache
def account(variant: str) -> Account:
    return Account(7, 0.4, 100, TODAY, **VARIANTS[variant])


def state(variant: str, at: datetime) -> AccountState:
    state = AccountState(account(variant), Readings())
    state.pass_to(at)
    return state


def test_volumes_and_prices_are_rounded_half_up() -> None:
    sides = ("width_in", "depth_in", "height_in")
    assert cubic_feet(dict.fromkeys(sides, Decimal(12))) == 1
    assert cubic_feet(dict(zip(sides, map(Decimal, ("1", "1", "0.6048")), strict=True))) == Decimal("0.0004")
    assert cubic_feet(dict(zip(sides, map(Decimal, ("1", "1", "0.0864")), strict=True))) == Decimal("0.0001")
    rates = ((date(2026, 1, 1), Decimal("0.0325")), (date(2026, 2, 1), Decimal("0.0345")))
    assert storage_price(Decimal("0.0002"), rates, date(2026, 1, 31)) == Decimal("0.000007")
    assert storage_price(Decimal("0.0003"), rates, date(2026, 1, 31)) == Decimal("0.000010")
    assert storage_price(Decimal("1"), rates, date(2026, 2, 1)) == Decimal("0.0345")


@pytest.mark.parametrize("at", MOMENTS, ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def test_history_shows_the_stock_at_the_end_of_each_day(variant: str, at: datetime) -> None:
    shown = {(row["id"], row["date"]): row for row in state(variant, at).rows("inventory_history")}
    expected = truth.item_days(account(variant), at)
    assert len(expected) == len(shown)
    for row in expected:
        history = shown[row["item_id"], row["date"]]
        assert [history[name] for name in ("supply", "prepared", "receiving")] == [
            row[name] for name in ("supply", "prepared", "receiving")
        ]
        assert (history["total_volume"], history["total_storage_price"]) == (row["volume_cuft"], row["price"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_ledger_of_movements_closes_at_the_history_of_counters(variant: str) -> None:
    at = MOMENTS[0]
    shown = {(row["id"], row["date"]): row for row in state(variant, at).rows("inventory_history")}
    ledger = truth.stock_ledger_daily(account(variant), at)
    assert len(ledger) >= len(shown) > 0
    for row in ledger:
        assert row["closing"] == row["opening"] + row["received"] - row["shipped"] + row["returned"] + row["adjusted"]
        if history := shown.get((row["item_id"], row["date"])):
            assert row["closing"] == history["supply"] + history["prepared"]


@pytest.mark.parametrize("at", MOMENTS, ids=str)
@pytest.mark.parametrize("variant", VARIANTS)
def test_charges_are_what_they_should_be(variant: str, at: datetime) -> None:
    named = {"charge_id": "id", "charge_type": "type", "start_date": "start", "end_date": "end"}
    same = ("payment_id", "order_id", "item_id", "amount", "billed_date")
    expected = truth.charges(account(variant), at)
    shown = state(variant, at).rows("payment_items")
    assert [
        {name: row[name] for name in same} | {name: row[theirs] for name, theirs in named.items()} for row in shown
    ] == [{name: row[name] for name in (*same, *named)} for row in expected]


def test_storage_is_billed_at_the_sum_of_its_days_but_for_the_injected_errors() -> None:
    at = MOMENTS[0]
    wrong = {error.charge_id: error for error in truth.errors(account("default"), at)}
    priced = {(row["item_id"], row["date"]): row["price"] for row in truth.item_days(account("default"), at)}
    billed = [row for row in truth.charges(account("default"), at) if row["charge_type"] == "storage"]
    assert len(billed) > 80
    for row in billed:
        days = (row["end_date"] - row["start_date"]).days + 1
        prices = [priced[row["item_id"], row["start_date"] + timedelta(days=n)] for n in range(days)]
        difference = row["amount"] - round_half_up(sum(prices))
        error = wrong.get(row["charge_id"])
        assert abs(difference) == (error.amount_at_stake if error else 0)


def round_half_up(amount: Any) -> Decimal:
    return Decimal(int(amount * 100 + Decimal("0.5"))) / 100


def test_movements_undo_into_counters() -> None:
    """The formulas of the ledger, turned round, give the last record of every item."""
    at = MOMENTS[0]
    totals: dict[int, Counter[str]] = {}
    for row in truth.stock_movements(account("default"), at):
        totals.setdefault(row["item_id"], Counter())[row["movement_type"]] += row["quantity"]
    opening = {
        event.key: event.change or {}
        for event in account("default").events
        if event.kind == "opening" and event.at <= at
    }
    for row in {row["item_id"]: row for row in state("default", at).rows("item_quantities")}.values():
        moved, first = totals.get(row["item_id"], Counter()), opening[row["item_id"]]
        arrived = moved["received"] + moved["returned"] + moved["adjusted"]
        assert row["supply"] == first.get("supply", 0) + arrived - moved["picked"]
        assert row["receiving"] == first.get("receiving", 0) + moved["announced"] - moved["received"]
        assert row["prepared"] == first.get("prepared", 0) + moved["picked"] - moved["shipped"]
        assert row["delivered"] == first.get("delivered", 0) + moved["shipped"] - moved["returned"]
        assert row["back_ordered"] == first.get("back_ordered", 0) + moved["back_ordered"]


def test_movements_are_those_that_the_counters_show() -> None:
    """Record by record, the decomposition of the difference between two records is what really happened."""
    at = MOMENTS[0]
    before: dict[int, dict[str, int]] = {}
    seen = []
    for row in state("default", at).rows("item_quantities"):
        if last := before.get(row["item_id"]):
            seen += [(row["item_id"], row["updated_at"], *found) for found in decompose(last, row)]
        before[row["item_id"]] = row
    happened = [
        (row["item_id"], row["moved_at"], row["movement_type"], row["quantity"], row["is_compound"])
        for row in truth.stock_movements(account("default"), at)
        if row["movement_type"] != "opening"
    ]
    assert Counter(seen) == Counter(happened)
    assert any(row[-1] for row in seen)


def decompose(before: dict[str, int], after: dict[str, int]) -> list[tuple[str, int, bool]]:
    supply, receiving, prepared, back_ordered, delivered = (
        after[name] - before[name] for name in ("supply", "receiving", "prepared", "back_ordered", "delivered")
    )
    shipped, returned = max(delivered, 0), max(-delivered, 0)
    picked = prepared + shipped
    arrived = supply + picked - returned
    received = min(max(arrived, 0), max(-receiving, 0))
    moves = {
        "announced": receiving + received,
        "received": received,
        "picked": picked,
        "shipped": shipped,
        "returned": returned,
        "adjusted": arrived - received,
        "back_ordered": back_ordered,
    }
    return [(name, quantity, receiving > 0 and arrived > 0) for name, quantity in moves.items() if quantity]


def test_shipped_units_are_those_of_orders_that_left() -> None:
    at = MOMENTS[0]
    shipped: Counter[int] = Counter()
    for row in truth.stock_movements(account("default"), at):
        if row["movement_type"] == "shipped":
            shipped[row["item_id"]] += row["quantity"]
    left = {
        row["order_id"] for row in truth.orders(account("default"), at) if row["status"] in {"IN_TRANSIT", "COMPLETED"}
    }
    ordered: Counter[int] = Counter()
    for row in truth.order_lines(account("default"), at):
        if row["order_id"] in left:
            ordered[row["item_id"]] += row["quantity"]
    assert shipped == ordered


def test_orders_and_items_are_what_the_api_shows() -> None:
    at = MOMENTS[0]
    shown = state("default", at)
    orders = truth.orders(account("default"), at)
    assert [(row["order_id"], row["status"], row["updated_at"]) for row in orders] == [
        (row["id"], row["status"], row["updated_at"]) for row in shown.rows("orders")
    ]
    items = truth.items(account("default"), at)
    assert [(row["item_id"], row["name"]) for row in items if not row["is_deleted"]] == [
        (row["id"], row["name"]) for row in shown.rows("items")
    ]


def test_invoices_add_up_to_charges() -> None:
    at = MOMENTS[0]
    charges = truth.charges(account("default"), at)
    invoices = truth.invoices(account("default"), at)
    assert sum(row["billed"] for row in invoices) == sum(row["amount"] for row in charges)
    assert sum(row["charges"] for row in invoices) == len(charges)
    billed = {(row["payment_id"], row["billed_date"]) for row in invoices if row["payment_id"]}
    assert len(billed) == 3
    assert all(billed_date.day == 3 for _, billed_date in billed)
