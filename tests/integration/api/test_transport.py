"""Whole runs against responses that no sane service gives: one resource fails with one line, or nothing is lost."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

import duckdb
import pytest
from alert_receiver import AlertReceiver
from command_line import COMMAND, access, environment, logentic
from raw_tables import raw_differences
from tiny_service import Asked, Reply, TinyService

from logentic.job import JobOptions, run_job
from logentic.monitoring.run_history import read_runs
from logentic.sandbox import Account, Fault, Readings, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
ORDERS = "/v1/orders"
RAW_ONLY = JobOptions(models=False)
NOT_FOUND = "the service answers 404 for this list"
Change = Callable[[Asked, Reply], Reply]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    account = Account(seed=71, scale=0.1, days=20, today=TODAY)
    with Sandbox(account, readings=Readings(page_size="capped")) as sandbox:
        yield sandbox


@contextmanager
def changed(sandbox: Sandbox, change: Change, **query: object) -> Iterator[TinyService]:
    """A service before the sandbox that changes what it says, and what it is asked."""

    def reply(asked: Asked) -> Reply:
        url = f"{sandbox.origin}{asked.path}?{urlencode({**asked.query, **query})}"
        request = urllib.request.Request(url, headers={"Authorization": asked.headers["Authorization"]})
        try:
            with urllib.request.urlopen(request) as response:
                found = Reply(response.status, response.read(), {"Date": response.headers["Date"]})
        except urllib.error.HTTPError as error:
            found = Reply(error.code, error.read(), {"Date": error.headers["Date"]})
        return change(asked, found) if found.status == 200 else found

    with TinyService(reply) as service:
        yield service


def settings_of(service: Sandbox | TinyService, token: str = "sandbox-token", **more: object) -> Settings:
    return Settings(base_url=service.url, api_token=token, **more)


def with_pagination(path: str, **numbers: str) -> Change:
    """A list whose pagination says something else; values as JSON."""

    def change(asked: Asked, reply: Reply) -> Reply:
        document = json.loads(reply.body)
        if asked.path != path or "meta" not in document:
            return reply
        document["meta"]["pagination"].update({name: f"@{name}@" for name in numbers})
        text = json.dumps(document, separators=(",", ":"))
        for name, value in numbers.items():
            text = text.replace(f'"@{name}@"', value)
        return Reply(200, text, reply.headers)

    return change


UNREADABLE = {
    "a total of Infinity": {"total": "Infinity"},
    "a total beyond 64 bits": {"total": "10000000000000000000"},
    "a page size beyond 64 bits": {"per_page": "10000000000000000000"},
    "a million pages of nothing": {"total": "1000000", "total_pages": "1000000", "links": '{"next":"?page=2"}'},
}


@pytest.mark.parametrize("path", [ORDERS, "/v1/items"])
@pytest.mark.parametrize("numbers", UNREADABLE.values(), ids=UNREADABLE)
def test_pagination_that_cannot_be_read_fails_its_resource_alone(
    numbers: dict[str, str], path: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Also of `items`, by which a run asks for the service's time."""
    file, name = tmp_path / "logentic.duckdb", path.rpartition("/")[2]
    change = with_pagination(path, **numbers)

    def empty(asked: Asked, reply: Reply) -> Reply:
        reply = change(asked, reply)
        if asked.path == path and "links" in numbers:
            document = json.loads(reply.body)
            return Reply(200, json.dumps({**document, "data": []}), reply.headers)
        return reply

    with changed(sandbox, empty) as service:
        outcome = run_job(settings_of(service, sandbox.token, retry_seconds=1), file, RAW_ONLY)
        (failure,) = outcome.loaded.failures.items()
        assert failure[0] == name
        assert str(failure[1]).isprintable()
        assert len([asked for asked in service.asked if asked.path == path]) < 40
    lines = {"orders": {"orders", "orders__stored_items"}}.get(name, {name})
    assert set(raw_differences(file, sandbox)) <= lines, "the other resources are complete"
    run_job(settings_of(sandbox, sandbox.token), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


def test_pagination_that_only_helps_to_plan_may_be_anything(sandbox: Sandbox, tmp_path: Path) -> None:
    change = with_pagination(ORDERS, per_page="null", total_pages='"many"', count="NaN", current_page="-1")
    file = tmp_path / "logentic.duckdb"
    with changed(sandbox, change) as service:
        outcome = run_job(settings_of(service, sandbox.token), file, RAW_ONLY)
    assert (outcome.loaded.failures, outcome.loaded.incomplete) == ({}, [])
    assert raw_differences(file, sandbox) == {}


def test_unusable_headers_on_every_response_change_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    headers = {
        "X-RateLimit-Limit": "9" * 5000,
        "X-RateLimit-Remaining": "²",
        "X-RateLimit-Reset": "1e10",
        "Retry-After": "9" * 400,
        "X-Request-Id": "\x1b[31m",
    }
    file = tmp_path / "logentic.duckdb"
    refused = set[str]()

    def change(asked: Asked, reply: Reply) -> Reply:
        more = {**reply.headers, **headers}
        if asked.path not in refused:
            refused.add(asked.path)
            return Reply(429, "", more)
        return Reply(200, reply.body, more)

    with changed(sandbox, change) as service:
        outcome = run_job(settings_of(service, sandbox.token), file, RAW_ONLY)
    assert (outcome.loaded.failures, outcome.loaded.incomplete) == ({}, [])
    assert raw_differences(file, sandbox) == {}


@pytest.mark.parametrize("value", ["Fri, 31 Dec 9999 23:59:59 GMT", "Tue, 17 Mar 2026 12:00:00 -2300"])
def test_a_run_without_a_usable_date_goes_by_this_machines_clock(value: str, sandbox: Sandbox, tmp_path: Path) -> None:
    with changed(sandbox, lambda _, reply: Reply(200, reply.body, {"Date": value})) as service:
        outcome = run_job(settings_of(service, sandbox.token), tmp_path / "logentic.duckdb", RAW_ONLY)
    assert outcome.loaded.failures == {}
    assert outcome.loaded.now.year < 2200


def test_a_service_behind_a_proxy_names_another_scheme_and_port_in_its_links(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The token goes to the configured origin; the warning is said once in a run, whatever the number of pages."""

    def behind_a_proxy(_: Asked, reply: Reply) -> Reply:
        assert isinstance(reply.body, bytes)
        return Reply(200, reply.body.replace(b"http:\\/\\/127", b"https:\\/\\/127"), reply.headers)

    file = tmp_path / "logentic.duckdb"
    with changed(sandbox, behind_a_proxy) as service:
        outcome = run_job(settings_of(service, sandbox.token, load_every_seconds=0.01), file, RAW_ONLY)
    assert outcome.loaded.failures == {}
    assert raw_differences(file, sandbox) == {}
    warned = [record for record in caplog.records if "names another scheme or port" in record.getMessage()]
    assert len(warned) == 1


# -- Lists that are empty or not found --


def test_an_empty_list_without_a_body_is_no_rows(sandbox: Sandbox, tmp_path: Path) -> None:
    def no_content(asked: Asked, reply: Reply) -> Reply:
        document = json.loads(reply.body)
        return Reply(204, "", reply.headers) if document.get("data") == [] else reply

    file = tmp_path / "logentic.duckdb"
    with changed(sandbox, no_content) as service:
        for _ in range(2):
            outcome = run_job(settings_of(service, sandbox.token), file, RAW_ONLY)
            assert (outcome.loaded.failures, outcome.loaded.incomplete) == ({}, [])
    assert raw_differences(file, sandbox) == {}


def test_a_list_that_is_never_found_fails_its_resource_with_a_line_that_fits(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    sandbox.faults.append(Fault("server_error", status=404, path=ORDERS, times=None))
    outcome = run_job(settings_of(sandbox, sandbox.token), file, RAW_ONLY)
    (failure,) = outcome.loaded.failures.items()
    assert failure[0] == "orders"
    assert str(failure[1]).endswith(f", page 1: {NOT_FOUND}")
    assert str(failure[1]).startswith("orders")
    assert "the id" not in failure[1].guidance
    assert set(raw_differences(file, sandbox)) == {"orders", "orders__stored_items"}


@pytest.mark.parametrize("path", [ORDERS, "/v1/items", "/v1/items/inventory", "/v1/payment_items"])
def test_a_list_that_is_not_found_any_more_proves_nothing(path: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """It answered in this run, and a moment later it is not there: no rows, nothing removed, read again next time."""
    file = tmp_path / "logentic.duckdb"
    settings = settings_of(sandbox, sandbox.token)
    name = {"inventory": "inventory_history"}.get(path.rpartition("/")[2], path.rpartition("/")[2])
    again = JobOptions(models=False, start=date(2026, 2, 25), end=TODAY, select=frozenset({name}))
    run_job(settings, file, RAW_ONLY)
    sandbox.faults.append(Fault("server_error", status=404, path=path, after=1, times=None))
    outcome = run_job(settings, file, again)
    assert outcome.loaded.failures == {}
    assert {(row["resource"], row["reason"]) for row in outcome.loaded.incomplete} == {(name, NOT_FOUND)}
    told = [row for row in outcome.loaded.receipts if row["reason"] == NOT_FOUND]
    assert not [row for row in told if row["is_complete"] or row["is_confirmed"] or row["rows_removed"]]
    assert raw_differences(file, sandbox) == {}, "nothing is marked as removed"
    sandbox.faults.clear()
    outcome = run_job(settings, file, RAW_ONLY)
    assert outcome.loaded.incomplete == []
    assert raw_differences(file, sandbox) == {}


def test_a_service_that_says_404_for_each_empty_list_loses_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    def not_found(_: Asked, reply: Reply) -> Reply:
        document = json.loads(reply.body)
        return Reply(404, "{}", reply.headers) if document.get("data") == [] else reply

    file = tmp_path / "logentic.duckdb"
    with changed(sandbox, not_found) as service:
        for _ in range(2):
            outcome = run_job(settings_of(service, sandbox.token, window_pages=2), file, RAW_ONLY)
            assert outcome.loaded.failures == {}
            assert raw_differences(file, sandbox) == {}


# -- Waits --


@pytest.mark.parametrize("path", [None, ORDERS])
@pytest.mark.parametrize("seconds", [600, 1_000_000_000])
def test_a_wait_ends_with_the_time_of_the_run_and_the_next_run_ends_exact(
    path: str | None, seconds: int, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Also where the first request of all is refused."""
    file = tmp_path / "logentic.duckdb"
    sandbox.faults.append(Fault("too_many_requests", path=path, retry_after=seconds, times=None))
    outcome = run_job(settings_of(sandbox, sandbox.token), file, JobOptions(models=False, max_seconds=3))
    assert outcome.loaded.failures == {}
    assert "orders" in outcome.loaded.unread
    assert [row["outcome"] for row in read_runs(State(file))] == ["stopped"]
    assert not file.exists()
    sandbox.faults.clear()
    run_job(settings_of(sandbox, sandbox.token), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


def slow(_: Asked, reply: Reply) -> Reply:
    time.sleep(1.2)
    return reply


def failing(_: Asked, reply: Reply) -> Reply:
    return Reply(503, "", reply.headers)


def down_for_ten_minutes(_: Asked, reply: Reply) -> Reply:
    return Reply(503, "", {**reply.headers, "Retry-After": "600"})


@pytest.mark.parametrize("from_page", [1, 2])
@pytest.mark.parametrize("happens", [slow, failing, down_for_ten_minutes])
def test_a_window_under_way_ends_with_the_time_of_the_run_and_leaves_no_receipt(
    happens: Change, from_page: int, sandbox: Sandbox, tmp_path: Path
) -> None:
    file, late = tmp_path / "logentic.duckdb", list[str]()

    def change(asked: Asked, reply: Reply) -> Reply:
        number = int(asked.query.get("page", 1))
        if asked.path != ORDERS or number < from_page or has_recovered:
            return reply
        late.append(f"page {number}")
        return happens(asked, reply)

    has_recovered = False
    with changed(sandbox, change, per_page=5) as service:
        settings = settings_of(service, sandbox.token, retry_seconds=600, connections=1, window_pages=500)
        outcome = run_job(settings, file, JobOptions(models=False, max_seconds=5))
        assert outcome.loaded.failures == {}
        assert "orders" in outcome.loaded.unread
        assert not [row for row in outcome.loaded.receipts if row["resource"] == "orders"]
        assert [row["outcome"] for row in read_runs(State(file))] == ["stopped"]
        assert not file.exists()
        assert late
        assert len(set(late)) < len(sandbox.state().rows("orders")) // 5, "the window was read to its end"
        has_recovered = True
        run_job(settings, file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


def test_a_command_says_what_it_waits_for_and_ends_well_with_its_time(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.append(Fault("too_many_requests", path=ORDERS, retry_after=600, times=None))
    done = logentic("run", "--db", "x.duckdb", "--no-models", "--max-duration", 3, cwd=tmp_path, **access(sandbox))
    assert done.returncode == 0, done.stderr
    waits = [line for line in done.stderr.splitlines() if "for the rate limit" in line]
    assert len(waits) == 1
    assert waits[0].startswith("orders")
    assert "waiting 600 s" in waits[0]
    assert "time limit reached: " in done.stdout
    strict = logentic(
        *("run", "--db", "x.duckdb", "--no-models", "--max-duration", 1, "--fail-on", "incomplete"),
        cwd=tmp_path,
        **access(sandbox),
    )
    assert strict.returncode == 3


@pytest.mark.parametrize(("path", "tables"), [(ORDERS, {"orders", "orders__stored_items"}), ("/v1/items", {"items"})])
def test_a_wait_that_is_too_long_fails_its_resource_alone_and_at_once(
    sandbox: Sandbox, tmp_path: Path, path: str, tables: set[str]
) -> None:
    file, failed = tmp_path / "logentic.duckdb", path.rpartition("/")[2]
    sandbox.faults.append(Fault("too_many_requests", path=path, retry_after=3600, times=None))
    outcome = run_job(settings_of(sandbox, sandbox.token), file, RAW_ONLY)
    assert set(outcome.loaded.failures) == {failed}
    assert "asks to wait 3600 s, for longer than rate_limit_seconds (900)" in str(outcome.loaded.failures[failed])
    assert set(raw_differences(file, sandbox)) == tables


def test_notify_tells_while_a_run_waits(sandbox: Sandbox, tmp_path: Path) -> None:
    """A run that holds the lock does not keep it from saying that the data are old."""
    file = tmp_path / "x.duckdb"
    run_job(settings_of(sandbox, sandbox.token), file, RAW_ONLY)
    sandbox.faults.append(Fault("too_many_requests", retry_after=600, times=None))
    with AlertReceiver() as receiver:
        told = {**access(sandbox), "alert_urls": receiver.url, "freshness_hours": 0.000001}
        command = [COMMAND, "run", "--db", "x.duckdb", "--no-models"]
        with subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path, **access(sandbox)), stderr=-1) as run:
            try:
                assert run.stderr
                while b"for the rate limit" not in run.stderr.readline():
                    assert run.poll() is None
                done = logentic("notify", "--db", "x.duckdb", cwd=tmp_path, **told)
                assert run.poll() is None, "the run is still at work"
                again = logentic("notify", "--db", "x.duckdb", cwd=tmp_path, **told)
            finally:
                os.kill(run.pid, signal.SIGINT)
        assert done.returncode == 0, done.stderr
        assert "older than" in done.stdout
        assert (again.returncode, "nothing to send" in again.stdout) == (0, True)
        assert len(receiver.take()) == 1
    assert read_runs(State(file))[-1]["outcome"] == "interrupted"


def test_a_404_reading_counts_in_the_published_receipts(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    settings = settings_of(sandbox, sandbox.token)
    run_job(settings, file, RAW_ONLY)
    sandbox.faults.append(Fault("server_error", status=404, path="/v1/items", after=1, times=None))
    run_job(settings, file, JobOptions(models=False, select=frozenset({"items"})))
    sandbox.insert("orders", {"status": "PENDING", "updated_at": sandbox.clock.now(), "stored_items": []})
    run_job(settings, file, JobOptions(models=False, select=frozenset({"orders"})))
    with duckdb.connect(str(file), read_only=True) as published:
        found = published.execute(
            "select is_complete, is_confirmed, rows_read from logentic_raw.extract_windows where reason = ?",
            [NOT_FOUND],
        ).fetchall()
    assert found == [(False, False, 0)]


def test_the_unit_ends_a_run_that_hangs() -> None:
    """A unit of type oneshot has no limit of its own."""
    unit = (Path(__file__).parents[3] / "deploy" / "logentic.service").read_text("utf-8")
    (hours,) = re.findall(r"^TimeoutStartSec=(\d+)h$", unit, re.MULTILINE)
    (wait,) = re.findall(r"--wait (\d+)", unit)
    assert int(hours) * 3600 > int(wait) + Settings().rate_limit_seconds
