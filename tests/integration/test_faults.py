"""The service fails in every way that a service fails in: the tables are exact, or the run says what is missing."""

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from raw_tables import raw_differences
from truth_tables import differences

from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Fault, Readings, Sandbox, random_faults
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
ORDERS = "/v1/orders"
RAW_ONLY = JobOptions(models=False)
MENDED = {
    "429 with seconds": Fault("too_many_requests", page=2, retry_after=1, times=3),
    "429 with a date": Fault("too_many_requests", page=2, retry_after=1, as_date=True),
    "429 without Retry-After": Fault("too_many_requests", page=2, times=2),
    "500 with a page of HTML": Fault("server_error", status=500, page=2, times=2),
    "502": Fault("server_error", status=502),
    "503": Fault("server_error", status=503, path=ORDERS, times=3),
    "504": Fault("server_error", status=504, page=3),
    "a reset": Fault("reset", page=2, times=2),
    "a body cut short": Fault("cut", page=2, times=2),
    "a 200 that is not JSON": Fault("not_json", page=2, times=2),
    "damaged gzip": Fault("gzip_damage", page=2, times=2),
    "the wrong content type": Fault("wrong_type", page=2, times=2),
    "an answer that never comes": Fault("stall", page=2, seconds=5),
    "an empty page in the middle": Fault("empty_page", path=ORDERS, page=2),
    "a total that lies once": Fault("false_total", path=ORDERS, page=2),
}


@pytest.mark.parametrize("fault", MENDED.values(), ids=MENDED)
def test_a_passing_fault_changes_nothing(fault: Fault, tmp_path: Path) -> None:
    account = Account(seed=61, scale=0.1, days=20, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account, readings=Readings(page_size="capped"), faults=[fault]) as sandbox:
        outcome = run_job(settings_of(sandbox, timeout_seconds=1), file, RAW_ONLY)
        assert fault.struck, "the fault was never met: the test would show nothing"
        assert (outcome.loaded.failures, outcome.loaded.incomplete) == ({}, [])
        sandbox.faults.clear()
        again = run_job(settings_of(sandbox), file, RAW_ONLY)
        assert again.loaded.changes == 0
        assert raw_differences(file, sandbox) == {}


def test_one_request_in_ten_fails_somehow_and_the_tables_are_exact(tmp_path: Path) -> None:
    account = Account(seed=62, scale=0.2, days=40, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account, readings=Readings(page_size="capped"), faults=[random_faults(7, 0.1)]) as sandbox:
        outcome = run_job(settings_of(sandbox), file, JobOptions())
        assert outcome.loaded.traffic.retries > 5
        assert differences(file, account, sandbox.clock.now()) == {}


LASTING = {
    "403 on one endpoint": (Fault("forbidden", path=ORDERS, times=None), "orders", "status 403"),
    "a total that always lies": (Fault("false_total", path=ORDERS, times=None), None, "announced"),
    "a next that leads to another host": (Fault("next_elsewhere", path=ORDERS, page=2), "orders", "leaves"),
    "a next that leads to itself": (Fault("next_self", path=ORDERS, page=2), "orders", "already read"),
    "a next in a circle": (Fault("next_cycle", path=ORDERS, page=3), "orders", "already read"),
    "a redirect elsewhere": (Fault("redirect", path=ORDERS, page=2), "orders", "redirect"),
}


@pytest.mark.parametrize(("fault", "failed", "words"), LASTING.values(), ids=LASTING)
def test_a_lasting_fault_of_one_resource_is_named_and_stops_no_other(
    fault: Fault, failed: str | None, words: str, tmp_path: Path
) -> None:
    account = Account(seed=63, scale=0.1, days=20, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account, readings=Readings(page_size="capped"), faults=[fault]) as sandbox:
        outcome = run_job(settings_of(sandbox), file, RAW_ONLY)
        assert set(outcome.loaded.failures) == ({failed} if failed else set())
        said = [str(error) for error in outcome.loaded.failures.values()]
        said += [receipt["reason"] for receipt in outcome.loaded.incomplete]
        assert any(words in sentence for sentence in said), said
        wrong = raw_differences(file, sandbox)
        assert set(wrong) <= {"orders", "orders__stored_items"}, "the other resources are whole"
        sandbox.faults.clear()
        run_job(settings_of(sandbox), file, RAW_ONLY)
        assert raw_differences(file, sandbox) == {}


def test_a_token_withdrawn_in_the_middle_fails_the_run_and_loses_nothing(tmp_path: Path) -> None:
    account = Account(seed=64, scale=0.1, days=20, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    fault = Fault("unauthorized", after=12, times=None)
    with Sandbox(account, readings=Readings(page_size="capped"), faults=[fault]) as sandbox:
        outcome = run_job(settings_of(sandbox), file, RAW_ONLY)
        assert outcome.loaded.failures
        assert all("401" in str(error) for error in outcome.loaded.failures.values())
        sandbox.faults.clear()
        run_job(settings_of(sandbox), file, RAW_ONLY)
        assert raw_differences(file, sandbox) == {}


@pytest.mark.parametrize("kind", ["server_error", "reset", "not_json", "stall"])
def test_a_service_that_answers_nothing_but_failures_is_given_up(kind: str, tmp_path: Path) -> None:
    """Measured against the patience that is set, not against a clock: no request is sent long after it has run out."""
    account = Account(seed=65, scale=0.1, days=5, today=TODAY)
    with Sandbox(account, faults=[Fault(kind, after=3, times=None, seconds=3)]) as sandbox:
        finished = command(sandbox, tmp_path, LOGENTIC_RETRY_SECONDS="2", LOGENTIC_TIMEOUT_SECONDS="1")
        assert finished.returncode == 1
        assert len(sandbox.requests) < 60
    lines = [line for line in finished.stderr.splitlines() if line.startswith("logentic:")]
    assert lines
    assert "Traceback" not in finished.stderr
    assert all("sandbox-token" not in line and "?" not in line for line in lines)


def test_incomplete_windows_warn_and_exit_3_only_when_asked(tmp_path: Path) -> None:
    account = Account(seed=66, scale=0.1, days=8, today=TODAY)
    with Sandbox(account, faults=[Fault("false_total", path=ORDERS, times=None)]) as sandbox:
        plain = command(sandbox, tmp_path)
        strict = command(sandbox, tmp_path, "--fail-on", "incomplete")
    assert (plain.returncode, strict.returncode) == (0, 3)
    assert "incomplete: orders" in plain.stdout


def test_a_slow_clock_and_a_fast_clock_of_this_machine_lose_nothing(tmp_path: Path) -> None:
    """The sandbox's today lies months away from this machine's; a later run goes on from the service's time."""
    for name, today in (("past", date(2024, 2, 29)), ("future", date(2031, 7, 1))):
        account = Account(seed=67, scale=0.1, days=15, today=today)
        file = tmp_path / name
        with Sandbox(account) as sandbox:
            now = sandbox.clock.now()
            sandbox.clock.set(now - timedelta(days=4))
            run_job(settings_of(sandbox), file, RAW_ONLY)
            sandbox.clock.set(now)
            run_job(settings_of(sandbox), file, RAW_ONLY)
            assert raw_differences(file, sandbox) == {}


def command(sandbox: Sandbox, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "logentic.cli", "run", "--db", str(folder / "db"), "--no-models", *arguments],
        env={**os.environ, "LOGENTIC_BASE_URL": sandbox.url, "LOGENTIC_API_TOKEN": sandbox.token, **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def settings_of(sandbox: Sandbox, **more: object) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, **more)
