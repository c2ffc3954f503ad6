"""Each open question of the reference, answered each way by the sandbox."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import pytest
from sandbox_client import TODAY, get, walk

from logentic.sandbox import Account, Readings, Sandbox

FEBRUARY = {"start": "2026-02-01", "end": "2026-02-28"}


@pytest.fixture(scope="module")
def account() -> Account:
    return Account(5, 0.3, 75, TODAY, timezone="America/Toronto")


@contextmanager
def served(account: Account, **readings: Any) -> Iterator[Sandbox]:
    with Sandbox(account, readings=Readings(**readings)) as sandbox:
        yield sandbox


def choices() -> Iterator[dict[str, Any]]:
    hints = get_type_hints(Readings)
    for field in fields(Readings):
        for value in get_args(hints[field.name]) or ((True, False) if hints[field.name] is bool else (0, 4)):
            if value != field.default:
                yield {field.name: value}


@pytest.mark.parametrize("reading", list(choices()), ids=str)
def test_every_reading_still_gives_every_row_once(account: Account, reading: dict[str, Any]) -> None:
    with served(account, **reading) as sandbox:
        orders = [row["id"] for row in walk(sandbox, "orders", page=1)]
        assert len(set(orders)) == len(orders) == len(sandbox.state().rows("orders"))
        history = walk(sandbox, "items/inventory", start="2026-03-10", end="2026-03-19", per_page=100)
        keys = [(row["id"], row["date"], row.get("warehouse_id")) for row in history]
        assert len(set(keys)) == len(keys) > 100


@pytest.mark.parametrize(
    ("last_page", "links"),
    [("absent", {"previous"}), ("null", {"previous", "next"}), ("empty", set())],
)
def test_last_page(account: Account, last_page: str, links: set[str]) -> None:
    with served(account, last_page=last_page) as sandbox:
        pages = get(sandbox, "orders").json()["meta"]["pagination"]["total_pages"]
        shown = get(sandbox, "orders", page=pages).json()["meta"]["pagination"]["links"]
        assert set(shown) == links
        assert isinstance(shown, dict if links else list)
        assert "next" not in links or shown["next"] is None


def test_decimals(account: Account) -> None:
    with served(account) as numbers, served(account, decimals="text") as texts:
        as_numbers, as_texts = walk(numbers, "payment_items"), walk(texts, "payment_items")
    assert all(isinstance(row["amount"], str) for row in as_texts)
    assert [Decimal(row["amount"]) for row in as_texts] == [row["amount"] for row in as_numbers]
    assert any(row["amount"] == "2.50" for row in as_texts)


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ("zulu", "2026-02-02T15:04:05Z"),
        ("microseconds", "2026-02-02T15:04:05.000000Z"),
        ("offset", "2026-02-02T10:04:05-05:00"),
        ("plain", "2026-02-02 15:04:05"),
    ],
)
def test_times(account: Account, times: str, shown: str) -> None:
    with served(account, times=times) as sandbox:
        sandbox.clock.set(datetime(2026, 2, 2, 15, 4, 5, tzinfo=UTC))
        order_id = sandbox.state().rows("orders")[0]["id"]
        events = len(account.events)
        sandbox.alter("orders", order_id, warehouse_id=2)
        assert get(sandbox, f"orders/{order_id}").json()["data"]["updated_at"] == shown
        del account.events[next(i for i, event in enumerate(account.events) if event.kind == "altered")]
        assert len(account.events) == events


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("inclusive", [False, True])
def test_ends_of_spans(account: Account, inclusive: bool, strict: bool) -> None:
    with served(account, is_end_inclusive=inclusive, is_start_strict=strict) as sandbox:
        history = walk(sandbox, "items/inventory", start="2026-02-10", end="2026-02-14")
        expected = {f"2026-02-{day}" for day in range(10 + strict, 14 + inclusive)}
        assert {row["date"] for row in history} == expected
        orders = walk(sandbox, "orders", updated_at_start="2026-02-10", updated_at_end="2026-02-14")
        assert {row["updated_at"][:10] for row in orders} == expected
        records = walk(sandbox, "items/item_quantities")
        start, end = records[50]["updated_at"], records[80]["updated_at"]
        found = {
            row["updated_at"]
            for row in walk(sandbox, "items/item_quantities", updated_at_start=start, updated_at_end=end)
        }
        assert (start in found, end in found) == (not strict, inclusive)


def test_zone_of_date_filters(account: Account) -> None:
    with served(account, filter_zone="account") as there, served(account) as utc:
        days = {"updated_at_start": "2026-02-10", "updated_at_end": "2026-02-20"}
        orders = walk(utc, "orders")
        local = [row for row in orders if "2026-02-10T05" <= row["updated_at"] < "2026-02-21T05"]
        assert walk(there, "orders", **days) == local
        assert walk(utc, "orders", **days) != local


def test_span_of_charges(account: Account) -> None:
    found = {}
    for span in ("overlap", "within", "ends"):
        with served(account, payment_span=span) as sandbox:
            rows = walk(sandbox, "payment_items", start="2026-02-27", end="2026-02-28")
            found[span] = {row["type"] for row in rows}
            storage = [row for row in rows if row["type"] == "storage"]
            assert all(row["end"] >= "2026-02-27" and row["start"] <= "2026-02-28" for row in rows)
            assert span != "ends" or all(row["end"] == "2026-02-28" for row in storage)
    assert "storage" in found["overlap"] & found["ends"]
    assert "storage" not in found["within"]


@pytest.mark.parametrize("sort", ["id", "updated_at", "-updated_at", "none"])
def test_sort(account: Account, sort: str) -> None:
    with served(account, sort=sort) as sandbox:
        orders = walk(sandbox, "orders")
        ids, times = [row["id"] for row in orders], [row["updated_at"] for row in orders]
        sorted_by = {
            "id": ids == sorted(ids),
            "updated_at": times == sorted(times),
            "-updated_at": times == sorted(times, reverse=True),
        }
        assert [name for name, is_so in sorted_by.items() if is_so] == ([sort] if sort != "none" else [])


@pytest.mark.parametrize(("page_size", "sizes"), [("honoured", (7, 250)), ("ignored", (50, 50)), ("capped", (7, 20))])
def test_page_size(account: Account, page_size: str, sizes: tuple[int, int]) -> None:
    with served(account, page_size=page_size) as sandbox:
        shown = [
            get(sandbox, "items/inventory", per_page=asked, **FEBRUARY).json()["meta"]["pagination"]["per_page"]
            for asked in (7, 999)
        ]
        assert tuple(shown) == sizes


def test_quantities_in_place(account: Account) -> None:
    with served(account, quantities="in_place") as in_place, served(account) as history:
        records = walk(in_place, "items/item_quantities")
        last = {row["item_id"]: row for row in walk(history, "items/item_quantities")}
        assert len(records) == len(last)
        for row in records:
            expected = last[row["item_id"]]
            assert {name: row[name] for name in row if name not in {"id", "created_at"}} == {
                name: expected[name] for name in expected if name not in {"id", "created_at"}
            }
        before = {row["item_id"]: row["id"] for row in records}
        in_place.clock.set(datetime(2026, 2, 1, tzinfo=UTC))
        assert all(before[row["item_id"]] == row["id"] for row in walk(in_place, "items/item_quantities"))


def test_orders_without_time(account: Account) -> None:
    with served(account, order_updated_at=False) as sandbox:
        orders = walk(sandbox, "orders", updated_at_start="2026-02-10", updated_at_end="2026-02-10")
        assert orders
        assert not any("updated_at" in row for row in orders)


def test_history_by_warehouse_adds_up(account: Account) -> None:
    with served(account, history_rows="warehouse") as split, served(account) as whole:
        parts: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for row in walk(split, "items/inventory", **FEBRUARY, per_page=250):
            parts[row["id"], row["date"]].append(row)
        for row in walk(whole, "items/inventory", **FEBRUARY, per_page=250):
            halves = parts.pop((row["id"], row["date"]))
            assert [half["warehouse_id"] for half in halves] == [1, 2]
            for name in ("supply", "prepared", "receiving", "total_volume", "total_storage_price"):
                assert sum(half[name] for half in halves) == row[name]
        assert not parts


def test_names_of_charges(account: Account) -> None:
    with served(account, charge_names="aliases") as sandbox:
        row = get(sandbox, "payment_items").json()["data"][0]
        assert {"charge_type", "total", "start_date", "end_date", "billed_at"} <= set(row)
        assert {"type", "amount", "start", "end", "billed_date"} & set(row) == set()


def test_open_charges_may_know_their_invoice(account: Account) -> None:
    with served(account, open_payment_id=True) as sandbox:
        unbilled = [row for row in walk(sandbox, "payment_items") if row["billed_date"] is None]
        assert {row["payment_id"] for row in unbilled} == {account.payment_id(date(2026, 3, 1))}
        assert walk(sandbox, "payment_items", payment_id=unbilled[0]["payment_id"]) == unbilled


def test_storage_prices_can_be_hidden(account: Account) -> None:
    for how, expected in (("null", {None}), ("absent", {"absent"})):
        with served(account, storage_prices=how) as sandbox:
            rows = walk(sandbox, "items/inventory", **FEBRUARY, per_page=250)
            assert {row.get("total_storage_price", "absent") for row in rows} == expected


def test_extra_and_missing_fields(account: Account) -> None:
    with served(account, extra_fields=True, missing_fields=True) as sandbox, served(account) as plain:
        for path in ("orders", "items", "payment_items", "items/item_quantities"):
            row, known = get(sandbox, path).json()["data"][0], get(plain, path).json()["data"][0]
            assert set(row) - set(known) == {"channel", "handled_by", "insured_value"}
            assert set(known) - set(row)
        assert '"insured_value":1234.567890123456789}' in get(sandbox, "items").text
        assert "@" in row["handled_by"]
        assert isinstance(row["channel"], dict)


def test_history_restated_after_counts(account: Account) -> None:
    with served(account, restated_history_days=4) as sandbox, served(account) as plain:
        query = {"start": "2026-01-01", "end": "2026-03-31", "per_page": 250}
        restated = {(row["id"], row["date"]): row for row in walk(sandbox, "items/inventory", **query)}
        as_it_was = {(row["id"], row["date"]): row for row in walk(plain, "items/inventory", **query)}
        emptied = {day for _, day in as_it_was} - {day for _, day in restated}
        assert 0 < len(emptied) <= 3
        changed = [key for key, row in restated.items() if row["supply"] != as_it_was[key]["supply"]]
        assert len(changed) > 10
        assert walk(sandbox, "payment_items") == walk(plain, "payment_items")
