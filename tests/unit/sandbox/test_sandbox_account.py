"""The account: the same for the same arguments, growing by its end only, and possible at every moment."""

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest

from logentic.sandbox.account import Account
from logentic.sandbox.events import COUNTERS
from logentic.sandbox.readings import Readings
from logentic.sandbox.state import AccountState

TODAY = date(2026, 3, 18)
NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)


@cache
def account(seed: int = 1) -> Account:
    return Account(seed, today=TODAY)


@cache
def state() -> AccountState:
    state = AccountState(account(), Readings())
    state.pass_to(NOON)
    return state


def test_default_account_has_the_size_it_promises() -> None:
    items = {event.key for event in account().events if event.kind == "item_created"}
    created = [event for event in account().events if event.kind == "order_created" and event.at <= NOON]
    assert len(items) == 60
    assert 24 < len(created) / 180 < 26
    assert account().first_day == TODAY - timedelta(days=179)


def test_everything_that_can_happen_happens() -> None:
    kinds = Counter(event.kind for event in account().events if event.at <= NOON)
    expected = {
        *("item_created", "item_edited", "item_deleted", "opening", "announced", "received", "received_short"),
        *(
            "announced_and_received",
            "counted",
            "written_off",
            "back_ordered",
            "picked",
            "picked_and_shipped",
            "shipped",
        ),
        *("put_back", "returned", "order_created", "order_edited", "order_cancelled", "order_picked", "order_packed"),
        *(
            "order_in_transit",
            "order_completed",
            "charge_created",
            "charge_altered",
            "storage_opened",
            "invoice_issued",
        ),
    }
    assert expected - set(kinds) == set()
    assert any(event.kind == "withdrawn" for seed in (1, 2, 3) for event in account(seed).events)


def test_events_are_in_order_on_whole_seconds() -> None:
    moments = [event.at for event in account().events]
    assert moments == sorted(moments)
    assert all(at.microsecond == 0 and at.tzinfo is UTC for at in moments)


def test_some_changes_of_an_item_fall_into_one_second() -> None:
    at_once = Counter((event.key, event.at) for event in account().events if event.resource == "item_quantities")
    assert max(at_once.values()) > 1


def test_counters_are_never_negative() -> None:
    for row in state().rows("item_quantities"):
        assert all(row[counter] >= 0 for counter in COUNTERS), row


def test_nothing_is_left_behind_on_the_way() -> None:
    """Units in `prepared` are those of orders picked and not yet shipped; back orders those that wait."""
    last = {row["item_id"]: row for row in state().rows("item_quantities")}
    prepared: Counter[int] = Counter()
    for order in state().rows("orders"):
        if order["status"] in {"PICKED", "PACKED"}:
            prepared.update({line["item_id"]: 0 for line in order["stored_items"]})
            for line in order["stored_items"]:
                prepared[line["item_id"]] += line["quantity"]
    assert {item_id: row["prepared"] for item_id, row in last.items() if row["prepared"]} == {
        item_id: units for item_id, units in prepared.items() if units
    }


def test_an_account_that_goes_on_agrees_in_all_that_was() -> None:
    longer = Account(1, days=180 + 45, today=TODAY + timedelta(days=45))
    shorter = account()
    assert longer.end > shorter.end
    assert longer.events[: len(shorter.events)] == shorter.events
    assert [label(error) for error in longer.errors][: len(shorter.errors)] == [
        label(error) for error in shorter.errors
    ]


@pytest.mark.parametrize("today", [date(2026, 2, 20), date(2026, 2, 25), date(2026, 2, 28)])
def test_it_agrees_wherever_in_a_month_it_ends(today: date) -> None:
    shorter, longer = Account(1, 0.3, 40, today), Account(1, 0.3, 80, today + timedelta(days=40))
    assert longer.events[: len(shorter.events)] == shorter.events


def label(error: object) -> tuple[object, ...]:
    return tuple(getattr(error, name) for name in ("rule", "charge_id", "order_id", "amount_at_stake", "known_at"))


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_another_process_makes_the_same_account(hash_seed: str) -> None:
    code = (
        "import hashlib,datetime;from logentic.sandbox.account import Account;"
        "a=Account(3,0.3,60,datetime.date(2026,3,18));print(hashlib.sha256(repr(a.events).encode()).hexdigest())"
    )
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    here = hashlib.sha256(repr(Account(3, 0.3, 60, TODAY).events).encode()).hexdigest()
    assert output.stdout.strip() == here


def test_seeds_differ_and_scale_multiplies() -> None:
    small = Account(2, 0.5, 90, TODAY)
    assert small.events != Account(3, 0.5, 90, TODAY).events
    items = sum(event.kind == "item_created" for event in small.events)
    orders = sum(event.kind == "order_created" for event in small.events)
    assert items == 30
    assert 11 < orders / ((small.end.date() - small.first_day).days) < 14


def test_names_are_as_awkward_as_real_ones() -> None:
    names = [item["name"] for item in state().rows("items")]
    for mark in ("=", "é", '"', ",", "🕯", "'", "日"):
        assert any(mark in name for name in names), mark
    assert any(name.startswith("=") for name in names)


def test_going_on_in_time_equals_starting_there() -> None:
    steps = AccountState(account(), Readings())
    for hours in range(0, 24 * 12, 7):
        steps.pass_to(datetime(2026, 2, 24, tzinfo=UTC) + timedelta(hours=hours))
    at_once = AccountState(account(), Readings())
    at_once.pass_to(steps.now)
    for resource in ("orders", "items", "payment_items", "item_quantities", "inventory_history"):
        assert steps.rows(resource) == at_once.rows(resource), resource
    steps.pass_to(NOON - timedelta(days=60))
    at_once = AccountState(account(), Readings())
    at_once.pass_to(steps.now)
    assert steps.rows("payment_items") == at_once.rows("payment_items")


def test_a_name_that_is_no_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="duplicate"):
        Account(errors={"duplicate": 1}, days=1)
