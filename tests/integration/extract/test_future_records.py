"""Records dated in a year to come are loaded, and their corrections are found, wherever they are dated then."""

import re
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
import pytest
from engines import MARTS_BUT_RUNS, Rows, differences, duckdb_marts
from raw_tables import raw_differences
from tiny_service import Asked, Reply, TinyService

from logentic.job import JobOptions, JobResult, run_job
from logentic.sandbox import Account, Sandbox
from logentic.sandbox.events import Row
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
FUTURE = datetime(2099, 12, 31, 12, tzinfo=UTC)
WRONG = {
    "orders": {"updated_at": FUTURE},
    "payment_items": {"start": FUTURE.date(), "end": FUTURE.date()},
    "item_quantities": {"updated_at": FUTURE},
}


def run(sandbox: Sandbox, file: Path) -> JobResult:
    settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
    return run_job(settings, file, JobOptions(models=False))


def show(sandbox: Sandbox, resource: str, row: dict[str, Any]) -> None:
    """The service shows this in place of the record of that id."""
    state = sandbox.state()
    state.tables[resource][row["id"]] = Row(row)
    state._lists.clear()
    state.version += 1


def current(file: Path, resource: str, record_id: int, column: str) -> list[tuple[Any, ...]]:
    """(value, whether it was removed) of the versions of a record, the latest first."""
    with duckdb.connect(str(file), read_only=True) as published:
        published.execute("set TimeZone = 'UTC'")
        return published.execute(
            f"select {column}, _is_removed from logentic_raw.{resource} where id = ? order by _seen_at desc, {column}",
            [record_id],
        ).fetchall()


def oldest(sandbox: Sandbox, resource: str) -> dict[str, Any]:
    return dict(min(sandbox.state().rows(resource), key=lambda row: (row.get("updated_at"), row["id"])))


@pytest.mark.parametrize("resource", WRONG)
def test_a_record_dated_2099_is_loaded_and_so_is_its_correction_in_the_past(tmp_path: Path, resource: str) -> None:
    file = tmp_path / "db"
    column = next(iter(WRONG[resource]))
    with Sandbox(Account(seed=8, scale=0.1, days=150, today=TODAY)) as sandbox:
        right = oldest(sandbox, resource)
        show(sandbox, resource, right | WRONG[resource])
        run(sandbox, file)
        assert current(file, resource, right["id"], column) == [(WRONG[resource][column], False)]
        sandbox.clock.advance(timedelta(days=1))
        assert [r for r in run(sandbox, file).loaded.receipts if r["rows_removed"]] == []
        show(sandbox, resource, right)
        run(sandbox, file)
        versions = current(file, resource, right["id"], column)
        assert (right[column], False) in versions[:2]
        assert resource == "item_quantities" or versions[0] == (right[column], False)
        sandbox.requests.clear()
        run(sandbox, file)
        assert not [r.path for r in sandbox.requests if re.search(r"/\d+", r.path)], "it is asked for once"


def test_a_stock_record_that_goes_back_to_what_was_known_ends_the_version_of_the_future(tmp_path: Path) -> None:
    file = tmp_path / "db"
    with Sandbox(Account(seed=8, scale=0.1, days=40, today=TODAY)) as sandbox:
        right = oldest(sandbox, "item_quantities")
        steps: list[Callable[[], None]] = [
            lambda: None,
            lambda: show(sandbox, "item_quantities", right | {"updated_at": FUTURE}),
            lambda: show(sandbox, "item_quantities", right),
        ]
        for step in steps:
            step()
            run(sandbox, file)
            sandbox.clock.advance(timedelta(days=1))
        assert current(file, "item_quantities", right["id"], "updated_at") == [
            (FUTURE, True),
            (FUTURE, False),
            (right["updated_at"], False),
        ]


def without_seen_at(marts: Rows) -> Rows:
    """`seen_at` says when a version was read, by the clock of that run: it differs by definition."""

    def kept(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(pair for pair in row if pair[0] != "seen_at")

    return {mart: Counter(map(kept, rows.elements())) for mart, rows in marts.items()}


@contextmanager
def dated(sandbox: Sandbox, shift: timedelta) -> Iterator[TinyService]:
    """The same account behind a clock that is wrong by so much: only the header Date says another time."""

    def reply(asked: Asked) -> Reply:
        url = f"{sandbox.origin}{asked.path}?{urlencode(asked.query)}"
        request = urllib.request.Request(url, headers={"Authorization": asked.headers["Authorization"]})
        try:
            with urllib.request.urlopen(request) as response:
                status, content = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        return Reply(status, content, {"Date": format_datetime(sandbox.clock.now() + shift, usegmt=True)})

    with TinyService(reply) as service:
        yield service


def test_a_run_under_a_clock_that_is_ahead_leaves_no_trace_in_the_marts_of_the_next_one(tmp_path: Path) -> None:
    wrong, right = tmp_path / "wrong.duckdb", tmp_path / "right.duckdb"
    with Sandbox(Account(seed=8, scale=0.1, days=60, today=TODAY)) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="one")
        with dated(sandbox, timedelta(days=400)) as service:
            run_job(settings.model_copy(update={"base_url": service.url}), wrong, JobOptions())
        run_job(settings, right, JobOptions(models=False))
        sandbox.clock.advance(timedelta(days=1))
        for file in (wrong, right):
            run_job(settings, file, JobOptions())
        assert raw_differences(wrong, sandbox) == {}
    expected, found = (without_seen_at(duckdb_marts(State(file).work)) for file in (right, wrong))
    assert sum(map(len, expected.values())) > 1000
    assert differences(expected, found, MARTS_BUT_RUNS) == {}
