"""Runs after runs: nothing changes without news, and many small runs end where one large one does."""

from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from mutating_service import MutatingService
from raw_tables import raw_differences
from truth_tables import differences

from logentic.job import JobOptions, run_job
from logentic.resources import RESOURCES
from logentic.sandbox import Account, Clock, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
RAW_ONLY = JobOptions(models=False)
BOOKKEEPING = ("_dlt_load_id", "_seen_at", "seen_at", "first_seen_at")
NOW = datetime.fromisoformat("2026-03-17T12:00:00+00:00")


def tables_of(file: Path, schema: str) -> dict[str, list[tuple]]:
    """Every row of every table, without the bookkeeping of loads."""
    with duckdb.connect(str(file), read_only=True) as published:
        published.execute("set TimeZone = 'UTC'")
        names = published.execute(
            "select table_name from information_schema.tables where table_schema = ?"
            " and table_name[:4] <> '_dlt' and table_name not in ('extract_windows', 'runs')",
            [schema],
        ).fetchall()
        return {
            name: sorted(
                published.execute(f"select columns(lambda c: c not in {BOOKKEEPING}) from {schema}.{name}").fetchall(),
                key=repr,
            )
            for (name,) in names
        }


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    with Sandbox(Account(seed=21, scale=0.2, days=60, today=TODAY)) as sandbox:
        first = run_job(settings_of(sandbox), file, JobOptions())
        raw, marts, content = tables_of(file, "logentic_raw"), tables_of(file, "logentic_marts"), file.read_bytes()
        second = run_job(settings_of(sandbox), file, JobOptions())
        third = run_job(settings_of(sandbox), file, JobOptions())
    assert first.loaded.changes > 1000
    assert second.loaded.changes == third.loaded.changes == 0
    assert second.built is third.built is None
    assert tables_of(file, "logentic_raw") == raw
    assert tables_of(file, "logentic_marts") == marts
    assert file.read_bytes() == content, "a file that nothing changed is not written again"


def test_ten_runs_on_ten_days_end_as_one_run_at_the_end(tmp_path: Path) -> None:
    account = Account(seed=22, scale=0.2, days=50, today=TODAY)
    many, one = tmp_path / "many.duckdb", tmp_path / "one.duckdb"
    with Sandbox(account, clock=Clock(NOW - timedelta(days=9))) as sandbox:
        for back in range(9, -1, -1):
            sandbox.clock.set(NOW - timedelta(days=back))
            run_job(settings_of(sandbox), many, JobOptions(models=back in (9, 4, 0)))
        run_job(settings_of(sandbox), one, JobOptions())
        assert differences(many, account, NOW) == {}
    by_day, at_once = tables_of(many, "logentic_marts"), tables_of(one, "logentic_marts")
    for name in ("order_fulfilment", "fulfilment_daily"):  # more steps are seen by who looks more often
        assert by_day.pop(name) != at_once.pop(name)
    assert by_day == at_once


def test_a_first_load_in_many_parts_is_the_same_as_in_one(tmp_path: Path) -> None:
    account = Account(seed=23, scale=0.2, days=50, today=TODAY)
    parts, whole = tmp_path / "parts.duckdb", tmp_path / "whole.duckdb"
    with Sandbox(account) as sandbox:
        impatient = settings_of(sandbox, load_every_seconds=0.001, window_pages=1, connections=1)
        outcome = run_job(impatient, parts, RAW_ONLY)
        run_job(settings_of(sandbox), whole, RAW_ONLY)
        assert raw_differences(parts, sandbox) == {}
    with duckdb.connect(str(parts), read_only=True) as published:
        loads = published.execute("select count(*) from logentic_raw._dlt_loads").fetchone()[0]
    assert loads > 2
    assert outcome.loaded.incomplete == []
    assert tables_of(parts, "logentic_raw") == tables_of(whole, "logentic_raw")


def test_resources_can_be_loaded_one_by_one(tmp_path: Path) -> None:
    account = Account(seed=24, scale=0.2, days=40, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account) as sandbox:
        for name in RESOURCES:
            run_job(settings_of(sandbox), file, JobOptions(select=frozenset({name}), models=False))
        assert raw_differences(file, sandbox) == {}


def test_a_backfill_reads_its_days_again_and_adds_nothing(tmp_path: Path) -> None:
    account = Account(seed=25, scale=0.2, days=40, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account) as sandbox:
        run_job(settings_of(sandbox), file, JobOptions(end=TODAY - timedelta(days=20), models=False))
        early = tables_of(file, "logentic_raw")
        assert 0 < len(early["inventory_history"]) < len(early["item_quantities"]) * 10
        run_job(settings_of(sandbox), file, RAW_ONLY)
        assert raw_differences(file, sandbox) == {}
        past = JobOptions(start=TODAY - timedelta(days=30), end=TODAY - timedelta(days=10), models=False)
        again = run_job(settings_of(sandbox), file, past)
    assert again.loaded.changes == 0
    assert sum(receipt["rows_read"] for receipt in again.loaded.receipts) > 100


@pytest.mark.parametrize("pages", [1, 2])
def test_windows_of_very_few_pages_lose_nothing(tmp_path: Path, pages: int) -> None:
    account = Account(seed=26, scale=0.1, days=30, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account) as sandbox:
        run_job(settings_of(sandbox, window_pages=pages), file, RAW_ONLY)
        assert raw_differences(file, sandbox) == {}


def settings_of(sandbox: Sandbox, **more: object) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="one key for all", **more)


def test_a_change_read_after_the_clock_of_the_service_had_jumped_is_the_latest(tmp_path: Path) -> None:
    """The first run is told a day before most rows, then days of next year; the second one is told the right time."""
    account = Account(seed=26, scale=0.1, days=20, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    behind, ahead = "Fri, 06 Feb 2026 12:00:00 GMT", "Wed, 21 Apr 2027 12:00:00 GMT"
    dates = iter([behind])
    with Sandbox(account) as sandbox, MutatingService(sandbox) as service:
        asked = settings_of(service, earliest_date=date(2026, 1, 1))
        service.change_date = lambda date: next(dates, ahead)
        run_job(asked, file, RAW_ONLY)
        order = max(row["id"] for row in sandbox.state().rows("orders"))
        sandbox.alter("orders", order, status="ON_HOLD")
        service.change_date = lambda date: date
        outcome = run_job(asked, file, JobOptions(start=TODAY - timedelta(days=20), models=False))
        assert raw_differences(file, sandbox) == {}
    orders = [receipt for receipt in outcome.loaded.receipts if receipt["resource"] == "orders"]
    assert (sum(row["rows_new"] for row in orders), sum(row["rows_changed"] for row in orders)) == (0, 1)


def test_times_read_while_the_clock_of_the_service_was_behind_stay_until_the_account_is_loaded_into_a_new_file(
    tmp_path: Path,
) -> None:
    """As docs/recover.md says: neither reading again nor --full-refresh mends them."""
    account = Account(seed=26, scale=0.1, days=8, today=TODAY)
    file, fresh = tmp_path / "logentic.duckdb", tmp_path / "new.duckdb"
    shown = (
        "select order_id, completed_at from logentic_marts.order_fulfilment where completed_at is not null order by 1"
    )
    with Sandbox(account) as sandbox, MutatingService(sandbox) as service:
        asked = settings_of(service, earliest_date=date(2026, 1, 1))
        behind = (sandbox.clock.now() - timedelta(days=3)).replace(microsecond=0)
        service.change_date = lambda date: f"{behind:%a, %d %b %Y %H:%M:%S} GMT"
        run_job(asked, file, RAW_ONLY)
        service.change_date = lambda date: date
        run_job(asked, file, JobOptions(start=TODAY - timedelta(days=8), full_refresh=True))
        run_job(asked, fresh, JobOptions())
        assert raw_differences(file, sandbox) == {}
    times = []
    for each in (file, fresh):
        with duckdb.connect(str(each), read_only=True) as published:
            published.execute("set TimeZone = 'UTC'")
            times.append(dict(published.execute(shown).fetchall()))
    assert times[0].keys() == times[1].keys()
    early = {order: at for order, at in times[0].items() if at != times[1][order]}
    assert early
    assert set(early.values()) == {behind}
    assert all(times[1][order] > behind for order in early)
