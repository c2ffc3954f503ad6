"""Rows change while they are read: nothing is lost, nothing is called whole that is not proven so."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from raw_tables import raw_differences

from logentic.job import JobOptions, JobResult, run_job
from logentic.sandbox import Account, Readings, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
SMALL_PAGES = Readings(page_size="capped")
ORDERS, CHARGES = "/v1/orders", "/v1/payment_items"


@pytest.fixture
def sandbox() -> Sandbox:
    with Sandbox(Account(seed=51, scale=0.1, days=30, today=TODAY), readings=SMALL_PAGES) as sandbox:
        yield sandbox


def run(sandbox: Sandbox, file: Path, **more: object) -> JobResult:
    settings = Settings(base_url=sandbox.url, api_token=sandbox.token, **more)
    return run_job(settings, file, JobOptions(models=False))


def stored(file: Path, table: str, where: str = "true") -> set[int]:
    """Ids of the records whose latest version is not removed."""
    with duckdb.connect(str(file), read_only=True) as published:
        rows = published.execute(
            "select id from (select *, row_number() over (partition by id order by _seen_at desc, _dlt_load_id desc)"
            f" as n from logentic_raw.{table}) where n = 1 and not _is_removed and {where}"
        ).fetchall()
    return {row[0] for row in rows}


def shown(sandbox: Sandbox, resource: str) -> set[int]:
    return {row["id"] for row in sandbox.state().rows(resource)}


def on_request(sandbox: Sandbox, path: str, page: str, change: object) -> None:
    """Make one change, once, just before a page of a list is answered."""
    done = []

    def hook(asked: str, query: dict[str, str], n: int) -> None:
        if asked == path and query.get("page", "1") == page and not done:
            done.append(n)
            change()

    sandbox.before_response(hook)


def test_an_order_that_arrives_between_two_pages_is_read(sandbox: Sandbox, tmp_path: Path) -> None:
    order = dict(sandbox.state().rows("orders")[0])
    del order["id"]
    on_request(sandbox, ORDERS, "3", lambda: sandbox.insert("orders", order))
    outcome = run(sandbox, tmp_path / "db")
    assert outcome.loaded.incomplete == []
    assert stored(tmp_path / "db", "orders") == shown(sandbox, "orders")


def test_an_order_that_moves_to_a_later_page_is_read_once(sandbox: Sandbox, tmp_path: Path) -> None:
    first = min(shown(sandbox, "orders"))
    sandbox.clock.advance(timedelta(minutes=5))
    on_request(sandbox, ORDERS, "2", lambda: sandbox.alter("orders", first, status="CANCELLED"))
    run(sandbox, tmp_path / "db")
    run(sandbox, tmp_path / "db")
    assert stored(tmp_path / "db", "orders") == shown(sandbox, "orders")
    assert first in stored(tmp_path / "db", "orders", "status = 'CANCELLED'")


def test_the_counter_example_of_the_contract_is_not_taken_for_proof(sandbox: Sandbox, tmp_path: Path) -> None:
    """One charge leaves, another arrives, after the first page: totals agree, keys are as many, and one is missing."""
    charges = sandbox.state().rows("payment_items")
    gone, template = charges[0]["id"], dict(charges[-1])
    del template["id"]

    def swap() -> None:
        sandbox.remove("payment_items", gone)
        sandbox.insert("payment_items", template)

    on_request(sandbox, CHARGES, "2", swap)
    outcome = run(sandbox, tmp_path / "db", window_pages=1000)
    receipts = [r for r in outcome.loaded.receipts if r["resource"] == "payment_items"]
    assert [(r["is_complete"], r["is_confirmed"]) for r in receipts] == [(True, False)]
    missed = shown(sandbox, "payment_items") - stored(tmp_path / "db", "payment_items")
    assert len(missed) == 1, "the case that the second reading is for"
    again = run(sandbox, tmp_path / "db", window_pages=1000)
    assert stored(tmp_path / "db", "payment_items") == shown(sandbox, "payment_items")
    assert again.loaded.receipts[-1]["is_confirmed"] or run(sandbox, tmp_path / "db").loaded.changes == 0


def test_a_list_that_never_stands_still_is_said_to_be_incomplete_and_asked_for_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    order = dict(sandbox.state().rows("orders")[0])
    del order["id"]
    restless = [True]

    def hook(path: str, query: dict[str, str], n: int) -> None:
        if path == ORDERS and restless[0]:
            sandbox.clock.advance(timedelta(seconds=1))
            sandbox.insert("orders", {**order, "updated_at": sandbox.clock.now()})

    sandbox.before_response(hook)
    outcome = run(sandbox, tmp_path / "db")
    incomplete = outcome.loaded.incomplete
    assert {receipt["resource"] for receipt in incomplete} == {"orders"}
    assert all("total moved" in receipt["reason"] or "announced" in receipt["reason"] for receipt in incomplete)
    restless[0] = False
    assert run(sandbox, tmp_path / "db").loaded.incomplete == []
    assert stored(tmp_path / "db", "orders") == shown(sandbox, "orders")


def test_vanished_charges_and_items_are_marked_and_kept(sandbox: Sandbox, tmp_path: Path) -> None:
    run(sandbox, tmp_path / "db")
    run(sandbox, tmp_path / "db")
    charge = max(shown(sandbox, "payment_items"))
    item = min(shown(sandbox, "items"))
    sandbox.clock.advance(timedelta(hours=1))
    sandbox.remove("payment_items", charge)
    sandbox.remove("items", item)
    outcome = run(sandbox, tmp_path / "db")
    removed = {r["resource"]: r["rows_removed"] for r in outcome.loaded.receipts if r["rows_removed"]}
    assert removed == {"payment_items": 1, "items": 1, "inventory_history": 1}, "with its row of today"
    assert stored(tmp_path / "db", "payment_items") == shown(sandbox, "payment_items")
    with duckdb.connect(str(tmp_path / "db"), read_only=True) as published:
        versions = published.execute(
            "select amount is not null, _is_removed from logentic_raw.payment_items where id = ? order by _seen_at",
            [charge],
        ).fetchall()
    assert versions == [(True, False), (True, True)], "both versions say what the charge was"


def test_a_restated_day_and_a_day_that_became_empty_are_taken_over(tmp_path: Path) -> None:
    account = Account(seed=52, scale=0.1, days=30, today=TODAY)
    with Sandbox(account) as sandbox:
        file = tmp_path / "db"
        run(sandbox, file)
        sandbox.clock.advance(timedelta(hours=1))
        sandbox.restate_day(TODAY - timedelta(days=2), supply=7, prepared=0)
        sandbox.restate_day(TODAY - timedelta(days=3))
        shown = {row["date"]: row["supply"] for row in sandbox.state().rows("inventory_history")}
        assert shown[TODAY - timedelta(days=2)] == 7
        assert TODAY - timedelta(days=3) not in shown
        run(sandbox, file)
        assert raw_differences(file, sandbox) == {}
