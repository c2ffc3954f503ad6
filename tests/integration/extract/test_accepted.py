"""Totals that never agree with the rows: read again a few times, then accepted, and never called complete."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import access, logentic

from logentic.job import JobOptions, JobResult, run_job
from logentic.reports.status import read_status
from logentic.reports.verification import verify_file
from logentic.sandbox import Account, Fault, Readings, Sandbox
from logentic.sandbox.api import ApiResponse
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
PATHS = {
    "orders": "/v1/orders",
    "items": "/v1/items",
    "item_quantities": "/v1/items/item_quantities",
    "inventory_history": "/v1/items/inventory",
    "payment_items": "/v1/payment_items",
}


def run(sandbox: Sandbox, file: Path, **options: object) -> JobResult:
    settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="key of the test")
    return run_job(settings, file, JobOptions(models=False, **options))


def receipts(file: Path, where: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as published:
        return published.execute(
            "select is_complete, is_accepted, total_announced - distinct_keys, rows_removed"
            f" from logentic_raw.extract_windows where {where} order by finished_at"
        ).fetchall()


def hide(sandbox: Sandbox, path: str, is_hidden: Callable[[dict[str, Any]], bool]) -> None:
    """Rows that totals count and pages never show, as of a service that soft-deletes."""
    listed = sandbox._api._list

    def without(asked: str, resource: str, query: dict[str, str], item_id: int | None = None) -> ApiResponse:
        answer = listed(asked, resource, query, item_id)
        if asked == path:
            shown = [record for record in answer.records or [] if not is_hidden(json.loads(record))]
            answer.records = shown
            answer.pagination["count"] = len(shown)
        return answer

    sandbox._api._list = without


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("step", [timedelta(0), timedelta(hours=7)], ids=["the same moment", "time passes"])
def test_a_total_that_is_always_one_too_high_is_accepted_after_three_equal_readings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, step: timedelta
) -> None:
    file = tmp_path / "db"
    with Sandbox(
        Account(seed=66, scale=0.1, days=100, today=TODAY),
        readings=Readings(page_size="capped"),
        faults=[Fault("false_total", path=PATHS[name], times=None)],
    ) as sandbox:
        now = sandbox.clock.now()
        requests, incomplete, said = [], [], []
        for number in range(10):
            sandbox.clock.set(now - (9 - number) * step)
            caplog.clear()
            outcome = run(sandbox, file)
            requests.append(outcome.loaded.traffic.requests)
            incomplete.append(len(outcome.loaded.incomplete))
            said.append(sum("accepted" in record.message for record in caplog.records))
    assert incomplete[0] > 0
    assert incomplete[1] > 0, "a second reading is none too many"
    assert incomplete[5:] == [0] * 5
    assert sum(said[5:]) == 0
    assert 0 < sum(said[:5]) <= 2, "said once, for each of the lists that a resource is asked for"
    assert 2 * max(requests[5:]) < requests[0], requests
    assert max(requests[5:]) <= 2 * min(requests[5:]), requests
    status = read_status(file)["resources"][name]
    assert (status["incomplete_windows"], status["accepted_windows"] > 0) == (0, True)
    assert receipts(file, f"resource = '{name}' and filter <> 'id' and is_complete and is_accepted") == []
    assert {row[1:] for row in receipts(file, f"resource = '{name}' and is_accepted")} == {(True, 1, 0)}


def test_rows_that_a_service_counts_and_never_shows_cost_a_few_readings_of_their_days(tmp_path: Path) -> None:
    """One soft-deleted order: its days are found, and all others stay complete."""
    file = tmp_path / "db"
    with Sandbox(Account(seed=66, scale=0.3, days=100, today=TODAY), readings=Readings(page_size="capped")) as sandbox:
        order = sorted(sandbox.state().rows("orders"), key=lambda row: row["updated_at"])[40]
        hide(sandbox, "/v1/orders", lambda record: record["id"] == order["id"])
        first = run(sandbox, file).loaded
        (window,) = first.incomplete
        assert window["window_end"] - window["window_start"] < timedelta(days=12)
        assert window["window_start"] <= order["updated_at"] < window["window_end"]
        requests = []
        for _ in range(4):
            sandbox.clock.advance(timedelta(hours=1))
            requests.append(run(sandbox, file).loaded.traffic.requests)
        assert max(requests) < first.traffic.requests / 2
        assert requests[-1] < requests[0]
        (found,) = [v for v in verify_file(settings_of(sandbox), file, None, None) if v.resource == "orders"]
        assert found.differences == []
        assert len(found.unclear) == 1
        assert "never equals" in found.unclear[0]


def test_nothing_in_an_accepted_window_is_marked_as_removed(tmp_path: Path) -> None:
    file = tmp_path / "db"
    with Sandbox(Account(seed=66, scale=0.2, days=60, today=TODAY)) as sandbox:
        sandbox.faults.append(Fault("false_total", path="/v1/payment_items", times=None))
        for _ in range(4):
            run(sandbox, file)
        charge = max(row["id"] for row in sandbox.state().rows("payment_items") if row["billed_date"])
        sandbox.remove("payment_items", charge)
        for _ in range(3):
            sandbox.clock.advance(timedelta(days=8))
            run(sandbox, file)
        assert receipts(file, "resource = 'payment_items' and is_accepted and rows_removed > 0") == []
        with duckdb.connect(str(file), read_only=True) as published:
            gone = published.execute(
                "select count(*) from logentic_raw.payment_items where id = ? and _is_removed", [charge]
            ).fetchone()
        assert gone == (0,)


def test_a_difference_that_changes_or_rows_that_change_begin_to_count_anew(tmp_path: Path) -> None:
    """Orders of past days: a row that changes there, and a total that moves, are another reading."""
    file = tmp_path / "db"
    hidden = 1
    with Sandbox(Account(seed=66, scale=0.1, days=60, today=TODAY)) as sandbox:
        order = sorted(sandbox.state().rows("orders"), key=lambda row: row["updated_at"])[10]

        def lie(path: str, resource: str, query: dict[str, str], item_id: int | None = None) -> ApiResponse:
            answer = listed(path, resource, query, item_id)
            if any(json.loads(record)["id"] == order["id"] for record in answer.records or []):
                answer.pagination["total"] += hidden
            return answer

        listed, sandbox._api._list = sandbox._api._list, lie
        told = []
        for hidden in (1, 1, 2, 2, 2, 2):  # noqa: B007 - the service looks at it
            told.append((len((loaded := run(sandbox, file).loaded).incomplete), len(loaded.accepted)))
            sandbox.clock.advance(timedelta(hours=1))
    assert told == [(1, 0), (1, 0), (1, 0), (1, 0), (0, 1), (0, 0)]


def settings_of(sandbox: Sandbox) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="key of the test")


def test_a_run_that_is_to_fail_on_incomplete_windows_does_not_fail_on_accepted_ones(tmp_path: Path) -> None:
    options = ["run", "--db", "db", "--no-models", "--fail-on", "incomplete"]
    with Sandbox(Account(seed=66, scale=0.1, days=8, today=TODAY)) as sandbox:
        sandbox.faults.append(Fault("false_total", path="/v1/orders", times=None))
        told = [logentic(*options, cwd=tmp_path, **access(sandbox)) for _ in range(4)]
        status = logentic("status", "--db", "db", cwd=tmp_path, **access(sandbox))
    assert [one.returncode for one in told] == [3, 3, 0, 0]
    assert "accepted" in told[2].stderr
    assert "accepted" not in told[3].stderr
    assert "incomplete" not in told[3].stdout
    assert "orders: 1 window is accepted" in status.stdout or "windows are accepted" in status.stdout
