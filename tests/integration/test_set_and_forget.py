"""A run that nobody watches: it keeps to its time, leaves a line of history, and tells what is wrong once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from alert_receiver import AlertReceiver
from command_line import access, logentic
from truth_tables import differences

from logentic.audit_log import PUBLISHED_LOGS, RUNS
from logentic.errors import Forbidden, StateError
from logentic.job import JobOptions, run_job
from logentic.monitoring.alerts import send_due_alerts
from logentic.monitoring.run_history import read_runs, record_run
from logentic.sandbox import Account, Fault, Sandbox
from logentic.settings import Settings, interval_of_schedule
from logentic.state import State

TODAY = date(2026, 3, 17)
SCRIPT = Path(__file__).parents[1] / "killed_run.py"
RAW_ONLY = JobOptions(models=False)


@pytest.fixture(scope="module")
def account() -> Account:
    return Account(seed=44, scale=0.1, days=30, today=TODAY)


@pytest.fixture
def sandbox(account: Account) -> Iterator[Sandbox]:
    with Sandbox(account) as sandbox:
        yield sandbox


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with AlertReceiver() as receiver:
        yield receiver


def settings_of(sandbox: Sandbox, **more: object) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, **more)


def test_a_run_that_is_short_of_time_stops_between_windows_and_the_next_ones_end_exact(
    account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "logentic.duckdb"
    settings = settings_of(sandbox, window_pages=1, connections=1)
    short = run_job(settings, file, JobOptions(max_seconds=0))
    assert short.loaded.unread
    assert short.loaded.changes > 0
    assert not file.exists(), "tables of half an account would be wrong"
    assert [row["outcome"] for row in read_runs(State(file))] == ["stopped"]
    with pytest.raises(StateError, match="stopped before all was read"):
        run_job(settings, file, JobOptions(extract=False))
    whole = run_job(settings, file, JobOptions())
    assert not whole.loaded.unread
    assert differences(file, account, sandbox.clock.now()) == {}


def test_a_schedules_interval_is_days_in_utc_and_both_are_included(monkeypatch: pytest.MonkeyPatch) -> None:
    assert interval_of_schedule() == (None, None)
    monkeypatch.setenv("DLT_INTERVAL_START", "2026-03-01T00:00:00+00:00")
    monkeypatch.setenv("DLT_INTERVAL_END", "2026-03-04T00:00:00+00:00")
    assert interval_of_schedule() == (date(2026, 3, 1), date(2026, 3, 3))
    monkeypatch.setenv("DLT_INTERVAL_END", "2026-03-04T01:00:00-05:00")
    assert interval_of_schedule() == (date(2026, 3, 1), date(2026, 3, 4))


def test_the_days_of_dlts_interval_are_read_and_no_others(sandbox: Sandbox, tmp_path: Path) -> None:
    interval = {"DLT_INTERVAL_START": "2026-03-01T00:00:00Z", "DLT_INTERVAL_END": "2026-03-04T00:00:00Z"}
    select = ("run", "--db", "x.duckdb", "--no-models", "--select", "inventory_history")
    done = logentic(*select, cwd=tmp_path, more_environment=interval, **access(sandbox))
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as published:
        days = published.execute("select distinct date from logentic_raw.inventory_history order by 1").fetchall()
        windows = published.execute(
            "select min(window_start)::date, max(window_end)::date from logentic_raw.extract_windows"
        ).fetchone()
    assert windows == (date(2026, 3, 1), date(2026, 3, 4))
    assert {(date(2026, 3, 1),), (date(2026, 3, 3),)} <= set(days)
    wrong = logentic(*select, cwd=tmp_path, more_environment={"DLT_INTERVAL_START": "soon"}, **access(sandbox))
    assert wrong.returncode == 2
    assert wrong.stderr == "logentic: DLT_INTERVAL_START is not a time. " + (
        "Write it as 2026-01-31T00:00:00+00:00, or unset it.\n"
    )


def test_every_run_leaves_a_line_also_one_that_failed_or_was_killed(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    settings = settings_of(sandbox)
    run_job(settings, file, RAW_ONLY)
    sandbox.faults = [Fault("forbidden", path="/v1/orders", times=None)]
    run_job(settings, file, RAW_ONLY)
    sandbox.faults = []
    assert killed_run("a page was read", file, sandbox).returncode == -signal.SIGKILL
    run_job(settings, file, JobOptions(extract=False, models=False))
    history = read_runs(State(file))
    assert [row["outcome"] for row in history] == ["published", "failed", "killed", "published"]
    first = history[0]
    with duckdb.connect(str(file), read_only=True) as published:
        stored = published.execute(
            "select count(*) from logentic_raw.orders where _seen_at <= ?", [first["ended_at"]]
        ).fetchone()
        table = published.execute("select outcome from logentic_raw.runs order by started_at").fetchall()
    assert stored is not None
    assert first["rows_new"] >= stored[0] > 0
    assert first["requests"] > 5
    assert first["bytes"] > 1000
    assert first["peak_memory_mb"] > 50
    assert first["load_seconds"] > 0
    assert "status 403" in history[1]["error"]
    assert "ended_at" not in history[2]
    assert table == [("published",), ("failed",), ("killed",), ("published",)], "the run that publishes as well"
    shown = logentic("status", "--runs", "--db", file, cwd=tmp_path)
    assert [line.split()[2] for line in shown.stdout.splitlines()[1:5]] == [row["outcome"] for row in history]
    told = json.loads(logentic("status", "--runs", "--json", "--db", file, cwd=tmp_path).stdout)
    assert [row["event_id"] for row in told] == [row["event_id"] for row in history]


def test_a_lost_state_folder_takes_no_history_with_it(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    settings = settings_of(sandbox, keep_personal_data=True)
    run_job(settings, file, RAW_ONLY)
    (first,) = read_runs(State(file))
    (tmp_path / "logentic.duckdb.state").rename(tmp_path / "lost")
    run_job(settings, file, RAW_ONLY)
    assert next(row["event_id"] for row in read_runs(State(file))) == first["event_id"]


def test_a_file_without_later_tables_and_columns_is_taken_up(
    account: Account, sandbox: Sandbox, tmp_path: Path
) -> None:
    """There is no earlier release: a file of the first format, from which what came later is taken away."""
    file = tmp_path / "logentic.duckdb"
    settings = settings_of(sandbox, hash_key="the same on every machine")
    now = sandbox.clock.now()
    sandbox.clock.set(now - timedelta(days=2))
    run_job(settings, file, RAW_ONLY)
    (tmp_path / "logentic.duckdb.state").rename(tmp_path / "left_behind")
    with duckdb.connect(str(file)) as old:
        for audit_log in (*PUBLISHED_LOGS, RUNS):
            old.execute(f"drop table logentic_raw.{audit_log.name}")
        old.execute("alter table logentic_raw.items drop column shopify_variant_id")
        old.execute("delete from logentic_raw._dlt_version")  # its schema knew no such column
    sandbox.clock.set(now)
    run_job(settings, file, JobOptions())
    assert differences(file, account, sandbox.clock.now()) == {}
    with duckdb.connect(str(file), read_only=True) as new:
        assert new.execute("select count(*) from runs").fetchone() == (1,)
        assert new.execute("select count(shopify_variant_id) > 0 from items").fetchone() == (True,)


def test_a_failure_is_told_once_and_so_is_its_end(sandbox: Sandbox, receiver: AlertReceiver, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    settings = settings_of(sandbox, alert_urls=[receiver.url])
    run_job(settings, file, RAW_ONLY)
    assert receiver.take() == []
    sandbox.faults = [Fault("unauthorized", times=None)]
    for _ in range(2):
        with pytest.raises(Exception, match="401"):
            run_job(settings, file, RAW_ONLY)
    ((title, body),) = receiver.take()
    assert title == "Logentic, logentic.duckdb: 1 thing is to look at"
    assert "failed: " in body
    assert "401" in body
    assert sandbox.token not in title + body
    sandbox.faults = []
    run_job(settings, file, RAW_ONLY)
    assert [title for title, _ in receiver.take()] == ["Logentic, logentic.duckdb: 1 thing is well again"]
    run_job(settings, file, RAW_ONLY)
    assert receiver.take() == []


def test_what_a_killed_process_could_not_tell_is_told_by_the_next_before_its_work(
    sandbox: Sandbox, receiver: AlertReceiver, tmp_path: Path
) -> None:
    file = tmp_path / "logentic.duckdb"
    settings = settings_of(sandbox, alert_urls=[receiver.url])
    assert killed_run("a page was read", file, sandbox, receiver.url).returncode == -signal.SIGKILL
    assert receiver.take() == []
    run_job(settings, file, RAW_ONLY)
    told, over = receiver.take()
    assert "was killed" in told[1]
    assert "well again" in over[0]


def test_an_alert_that_nobody_took_is_sent_again_and_fails_no_run(
    sandbox: Sandbox, receiver: AlertReceiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "logentic.duckdb"
    settings = settings_of(sandbox, alert_urls=[receiver.url])
    receiver.refuse = True
    sandbox.faults = [Fault("false_total", path="/v1/items", times=None)]
    run_job(settings, file, RAW_ONLY)
    assert "an alert could not be sent" in caplog.text
    assert "a-password-of-alerts" not in caplog.text
    receiver.refuse = False
    run_job(settings, file, RAW_ONLY)
    ((_, body),) = receiver.take()
    assert body == "- 1 windows are incomplete; the next run reads them again"


def test_old_data_new_fields_large_exceptions_and_stuck_orders_are_told_once_each(
    receiver: AlertReceiver, tmp_path: Path
) -> None:
    state = State(tmp_path / "logentic.duckdb")
    state.prepare()
    settings = Settings(api_token="t", alert_urls=[receiver.url], alert_amount=Decimal(50))
    with record_run(state) as line:
        line.update(outcome="published", requests=3, incomplete_windows=0)
    with duckdb.connect(str(state.file)) as published:
        published.execute("create schema logentic_raw; create schema logentic_marts")
        published.execute("create table logentic_raw.items (id bigint, name varchar, eco_score varchar)")
        published.execute(
            "create table logentic_marts.exception_status as select i::bigint as charge_id, 9::bigint as payment_id,"
            " 'duplicate_charge' as rule, i || '-duplicate_charge' as exception_id,"
            " (i * 10)::decimal(38, 24) as amount_at_stake, if(i = 11, 'in_your_favour', 'recoverable') as direction,"
            " if(i = 10, 'accepted', 'open') as status"
            " from range(1, 13) t(i)"
        )
        published.execute(
            "create table logentic_marts.order_fulfilment as select 7 as order_id, 'PICKED' as status,"
            " timestamptz '2026-01-02 23:30:00+00' as created_at, timestamptz '2026-01-03 08:00:00+00' as picked_at,"
            " null::timestamptz as packed_at, null::timestamptz as in_transit_at, null::timestamptz as completed_at,"
            " true as is_stuck union all select 8, 'PENDING', timestamptz '2026-01-04', null, null, null, null, false"
        )
    send_due_alerts(settings, state)
    ((title, body),) = receiver.take()
    assert "9 things are to look at" in title
    assert "- order 7 is stuck: PICKED, no step taken since 2026-01-03" in body
    assert "- items has the new field eco_score" in body
    assert "- duplicate_charge: 120.00 recoverable, charge 12, invoice 9" in body
    assert "- duplicate_charge: 110.00 in your favour, charge 11, invoice 9" in body
    assert "- and 2 more of this kind (exception)" in body
    assert not any(f"charge {left_out}," in body for left_out in (4, 10)), "too small; accepted"
    (row,) = read_runs(state)
    RUNS.path(state.folder).unlink()
    long_ago = datetime.now(UTC) - timedelta(hours=27)
    RUNS.append(state.folder, [{**row, "started_at": long_ago}])
    with duckdb.connect(str(state.file)) as published:
        published.execute("delete from logentic_marts.exception_status where charge_id > 11")
        published.execute("update logentic_marts.order_fulfilment set is_stuck = false")
    send_due_alerts(settings, state, is_beginning=True)
    assert receiver.take() == [], "how old the data are is said by a run's end"
    send_due_alerts(settings, state)
    stale, settled = receiver.take()
    assert "older than 26 hours" in stale[1]
    assert settled[1] == (
        "- duplicate_charge: 120.00 recoverable, charge 12, invoice 9\n"
        "- order 7 is stuck: PICKED, no step taken since 2026-01-03"
    )


def test_notify_sends_a_test_and_says_what_is_wrong(sandbox: Sandbox, receiver: AlertReceiver, tmp_path: Path) -> None:
    told = access(sandbox, alert_urls=receiver.url)
    test = logentic("notify", "--test", cwd=tmp_path, **told)
    assert (test.returncode, test.stdout) == (0, "a test was sent to 1 addresses\n"), test.stderr
    assert receiver.take() == [("Logentic: a test", "Alerts arrive here. Nothing is wrong.")]
    state = State(tmp_path / "x.duckdb")
    state.prepare()
    with pytest.raises(Forbidden), record_run(state):
        raise Forbidden("orders: status 403")
    failed = logentic("notify", "--db", "x.duckdb", cwd=tmp_path, **told)
    assert failed.returncode == 0
    assert "failed: orders: status 403" in failed.stdout
    assert len(receiver.take()) == 1
    nobody = logentic("notify", "--test", cwd=tmp_path, **access(sandbox))
    assert nobody.returncode == 2
    assert "alert_urls is not set" in nobody.stderr
    wrong = logentic("notify", "--test", cwd=tmp_path, **access(sandbox, alert_urls="nonsense:secret"))
    assert wrong.returncode == 2
    assert "secret" not in wrong.stderr


def test_a_machine_reads_stderr_as_lines_of_json(sandbox: Sandbox, tmp_path: Path) -> None:
    command = ("run", "--db", "x.duckdb", "--no-models", "--log-format", "json")
    done = logentic(*command, cwd=tmp_path, **access(sandbox))
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["step"] for line in lines if line["event"] == "step"] == ["extract and load", "publish"]
    failed = logentic(*command, cwd=tmp_path, **access(sandbox, api_token="wrong"))
    assert failed.returncode == 1
    last = json.loads(failed.stderr.splitlines()[-1])
    assert (last["level"], last["exit_code"]) == ("error", 1)
    assert "status 401" in last["message"]


def killed_run(step: str, file: Path, sandbox: Sandbox, alert_url: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, step, file, sandbox.url, sandbox.token],
        env={**os.environ, "LOGENTIC_ALERT_URLS": alert_url},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
