"""Runs that find nothing new: what they leave alone, what they remember, and how little they ask for."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any

import duckdb
import pytest

from logentic.job import JobOptions, JobResult, run_job
from logentic.reports.status import read_status
from logentic.resources import RESOURCES
from logentic.sandbox import Account, Readings, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    account = Account(seed=71, scale=0.1, days=30, today=TODAY)
    with Sandbox(account, readings=Readings(page_size="capped")) as sandbox:
        yield sandbox


@pytest.fixture
def file(sandbox: Sandbox, tmp_path: Path) -> Path:
    """A file that is up to date, every window of it confirmed."""
    file = tmp_path / "logentic.duckdb"
    run(sandbox, file)
    run(sandbox, file)
    return file


def run(sandbox: Sandbox, file: Path, select: Any = None, **more: Any) -> JobResult:
    settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="one key for all", **more)
    return run_job(settings, file, JobOptions(select=select or frozenset(RESOURCES), models=False))


def fingerprint(file: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of what a run without news must not write."""
    state = State(file)
    packages = sorted(path.name for path in (state.dlt / "logentic" / "load" / "loaded").iterdir())
    files = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (file, state.work)}
    return files | {"packages": (" ".join(packages).encode(), 0)}


def receipts(file: Path) -> list[str]:
    with duckdb.connect(str(State(file).work), read_only=True) as work:
        return [row[0] for row in work.execute("select window_id from logentic_raw.extract_windows").fetchall()]


def held(file: Path) -> list[str]:
    return [row["window_id"] for row in State(file).read_note("held").get("receipts", [])]


def new_order(sandbox: Sandbox) -> int:
    order = dict(sandbox.state().rows("orders")[0])
    del order["id"]
    return sandbox.insert("orders", {**order, "updated_at": sandbox.clock.now()})


def knows(file: Path, order: int) -> bool:
    with duckdb.connect(str(file), read_only=True) as published:
        return bool(published.execute("select 1 from logentic_raw.orders where id = ?", [order]).fetchone())


def lists_of_items(sandbox: Sandbox, since: int) -> int:
    """How often the list of items was begun; the question for the service's time takes one row of it."""
    asked = list(sandbox.requests)[since:]
    return sum(r.path == "/v1/items" and r.query.get("per_page") != "1" and "page" not in r.query for r in asked)


def test_a_run_without_news_writes_nothing_and_is_remembered(sandbox: Sandbox, file: Path) -> None:
    before, known = fingerprint(file), receipts(file)
    for hour in (1, 2):
        sandbox.clock.advance(HOUR)
        outcome = run(sandbox, file)
        assert (outcome.loaded.changes, outcome.built, outcome.published_bytes) == (0, None, None)
        assert fingerprint(file) == before
        assert len(held(file)) >= 4 * hour, "those of the first are kept beside those of the second"
    assert not set(held(file)) & set(known)
    found = read_status(file)
    assert [found["last_run"][name] for name in ("rows_new", "rows_changed", "rows_removed")] == [0, 0, 0]
    for name in set(RESOURCES) - {"items"}:
        assert found["resources"][name]["last_success"] == sandbox.clock.now(), name
    with duckdb.connect(str(file), read_only=True) as published:
        last = published.execute("select max(finished_at) from logentic_raw.extract_windows").fetchone()
    assert last is not None
    assert last[0] < sandbox.clock.now(), "the file itself does not know"


def test_what_was_held_back_is_loaded_once_with_the_next_news(sandbox: Sandbox, file: Path) -> None:
    sandbox.clock.advance(HOUR)
    run(sandbox, file)
    note, waiting = State(file).read_note("held"), held(file)
    sandbox.clock.advance(HOUR)
    new_order(sandbox)
    assert run(sandbox, file).loaded.changes == 1
    assert set(waiting) < set(receipts(file))
    assert held(file) == []
    State(file).write_note("held", note)  # as a kill before they were let go leaves it
    sandbox.clock.advance(HOUR)
    new_order(sandbox)
    assert run(sandbox, file).loaded.changes == 1
    assert len(receipts(file)) == len(set(receipts(file)))


def test_what_was_held_back_is_loaded_on_the_next_day_in_any_case(sandbox: Sandbox, file: Path) -> None:
    sandbox.clock.advance(HOUR)
    run(sandbox, file)
    waiting = held(file)
    sandbox.clock.advance(DAY)
    run(sandbox, file)
    assert set(waiting) < set(receipts(file))


def test_what_was_held_back_is_not_believed_beside_an_older_database(
    sandbox: Sandbox, file: Path, tmp_path: Path
) -> None:
    state, older = State(file), tmp_path / "older"
    copyfile(state.work, older)
    sandbox.clock.advance(3 * DAY)
    order = new_order(sandbox)
    run(sandbox, file)
    assert knows(file, order)
    sandbox.clock.advance(3 * DAY)
    run(sandbox, file)
    sandbox.clock.advance(HOUR)
    run(sandbox, file)
    assert held(file), "these say that the order's days hold nothing new"
    for path in (file, state.work):
        copyfile(older, path)
    run(sandbox, file)
    assert knows(file, order)


def test_items_are_read_once_a_day_and_when_an_item_turns_up(sandbox: Sandbox, file: Path) -> None:
    def lists(change: Any = None, select: Any = None) -> int:
        sandbox.clock.advance(HOUR)
        if change:
            change()
        asked = len(sandbox.requests)
        run(sandbox, file, select)
        return lists_of_items(sandbox, asked)

    def charge_for(item: int) -> None:
        charge = dict(sandbox.state().rows("payment_items")[-1])
        del charge["id"]
        sandbox.insert("payment_items", {**charge, "item_id": item})

    def new_item() -> None:
        item = dict(sandbox.state().rows("items")[0])
        del item["id"]
        charge_for(sandbox.insert("items", item))

    known = min(row["id"] for row in sandbox.state().rows("items"))
    assert lists() == 0
    assert lists(select=frozenset({"items"})) == 1, "who names them wants them"
    assert lists(lambda: charge_for(known)) == 0, "news of an item that is known"
    assert lists(new_item) == 1, "an item that nothing stored names"
    with duckdb.connect(str(file), read_only=True) as published:
        found = {row[0] for row in published.execute("select id from logentic_raw.items").fetchall()}
    assert found == {row["id"] for row in sandbox.state().rows("items")}
    lists()
    assert lists() == 0, "confirmed meanwhile"
    assert lists(lambda: charge_for(999_999)) == 1, "an item that the list does not give"
    assert lists(lambda: charge_for(999_999)) == 0, "is looked for once"
    sandbox.clock.advance(DAY)
    assert lists() == 1


def test_a_first_load_and_a_run_without_news_ask_for_little_more_than_the_rows(tmp_path: Path) -> None:
    account = Account(seed=72, scale=0.3, days=60, today=TODAY)
    with Sandbox(account, readings=Readings(page_size="capped")) as sandbox:
        file = tmp_path / "logentic.duckdb"
        pages = {name: -(-len(sandbox.state().rows(name)) // 20) for name in RESOURCES}
        first = run(sandbox, file)
        assert first.loaded.traffic.requests <= 1.05 * sum(pages.values()) + 20, "a cut costs a first page"
        for _ in range(2):
            quiet = run(sandbox, file, confirm_pages=10_000)
        look_back = sum(receipt["requests"] for receipt in quiet.loaded.receipts)
        assert quiet.loaded.changes == 0
        assert quiet.loaded.traffic.requests <= look_back + 8
