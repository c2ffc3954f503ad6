"""`logentic verify` names what FILE has lost or kept too long, and nothing else; every reading: test_readings.py."""

import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import access, logentic
from losses import Named, assert_equal, lose, named
from typer.testing import CliRunner

from logentic.cli.app import app
from logentic.job import JobOptions, run_job
from logentic.reports.verification import verify_file
from logentic.sandbox import Account, Fault, Readings, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)


def settings_of(sandbox: Sandbox, **more: object) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="key of the test", **more)


@pytest.fixture(scope="module")
def service() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=35, scale=0.3, days=100, today=TODAY)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def whole(service: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that was read yesterday and today."""
    file = tmp_path_factory.mktemp("whole") / "logentic.duckdb"
    now = service.clock.now()
    service.clock.set(now - timedelta(days=1))
    run_job(settings_of(service), file, JobOptions(models=False))
    service.clock.set(now)
    run_job(settings_of(service), file, JobOptions(models=False))
    return file


@pytest.fixture
def file(whole: Path, tmp_path: Path) -> Path:
    """A copy to be harmed."""
    shutil.copytree(whole.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / whole.name


def test_a_whole_file_takes_a_request_a_month_and_has_no_difference(service: Sandbox, file: Path) -> None:
    verdicts = verify_file(settings_of(service), file, None, None)
    assert_equal(verdicts)
    assert max(verdict.requests for verdict in verdicts) <= 9
    assert service.writes == 0


def test_stock_records_that_are_updated_in_place_are_no_difference(tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    with Sandbox(
        Account(seed=31, scale=0.1, days=40, today=TODAY), readings=Readings(quantities="in_place")
    ) as sandbox:
        now = sandbox.clock.now()
        for days in (9, 2):
            sandbox.clock.set(now - timedelta(days=days))
            run_job(settings_of(sandbox), file, JobOptions(models=False))
        sandbox.clock.set(now)
        assert_equal(
            [v for v in verify_file(settings_of(sandbox), file, None, None) if v.resource == "item_quantities"]
        )
        lost = lose(file, "item_quantities", "id = (select min(id) from logentic_raw.item_quantities)")
        found = named(verify_file(settings_of(sandbox), file, None, None)).get("item_quantities", [])
        # One that was updated since the last run is read by the next one in any case.
        assert {key for key, _ in found} <= {key for key, _ in lost}


LOSSES = [
    {
        "orders": "id % 50 = 0",
        "items": "id = (select min(id) from logentic_raw.items)",
        "item_quantities": "updated_at::date between date '2026-01-30' and date '2026-02-02'",
        "inventory_history": "date = date '2026-01-31'",
        "payment_items": "id % 211 = 3",
    },
    {
        "item_quantities": "id = (select max(id) from logentic_raw.item_quantities)",
        "inventory_history": "date < date '2025-12-20'",
    },
]


@pytest.mark.parametrize("losses", LOSSES)
def test_what_the_file_has_lost_is_named_by_day_and_id_and_mended_as_it_says(
    service: Sandbox, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, losses: dict[str, str]
) -> None:
    lost = {resource: sorted(lose(file, resource, where), key=str) for resource, where in losses.items()}
    told = logentic("verify", "--db", file, "--json", "--fail-on", "differences", cwd=tmp_path, **access(service))
    assert (told.returncode, told.stderr) == (3, "")
    verdict = json.loads(told.stdout)
    found = {name: sorted(by_id(one["differences"]), key=str) for name, one in verdict["resources"].items()}
    assert {name: rows for name, rows in found.items() if rows} == lost
    assert verdict["differences"] == sum(len(one["differences"]) for one in verdict["resources"].values())
    for name, value in access(service, hash_key="key of the test").items():
        monkeypatch.setenv(f"LOGENTIC_{name.upper()}", value)
    for mend in verdict["mend"]:
        mended = CliRunner().invoke(app, [*mend.split()[1:], "--no-models"])
        assert mended.exit_code == 0, mended.output
    assert_equal(verify_file(settings_of(service), file, None, None))


def by_id(differences: list[dict[str, Any]]) -> Named:
    return [(key, one["day"] and date.fromisoformat(one["day"])) for one in differences for key in one["missing"]]


def test_only_the_days_asked_for_are_compared(service: Sandbox, file: Path) -> None:
    lost = lose(file, "orders", "updated_at::date in (date '2026-02-10', date '2026-02-20')")
    verdicts = verify_file(settings_of(service), file, date(2026, 2, 15), date(2026, 2, 20))
    assert named(verdicts) == {"orders": [(key, day) for key, day in lost if day == date(2026, 2, 20)]}
    assert named(verify_file(settings_of(service), file, date(2026, 2, 11), date(2026, 2, 19))) == {}


def test_what_happened_since_the_last_run_is_no_difference(tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    with Sandbox(Account(seed=36, scale=0.3, days=60, today=TODAY)) as sandbox:
        now = sandbox.clock.now()
        sandbox.clock.set(now - timedelta(days=4))
        run_job(settings_of(sandbox), file, JobOptions(models=False))
        sandbox.clock.set(now)
        verdicts = verify_file(settings_of(sandbox), file, None, None)
        assert_equal([verdict for verdict in verdicts if verdict.resource != "items"])


def test_what_is_gone_from_the_account_is_named_until_a_run_marks_it(tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    with Sandbox(Account(seed=36, scale=0.2, days=60, today=TODAY)) as sandbox:
        run_job(settings_of(sandbox), file, JobOptions(models=False))
        charge = min(sandbox.state().rows("payment_items"), key=lambda row: row["id"])
        item = max(sandbox.state().rows("items"), key=lambda row: row["id"])
        sandbox.remove("payment_items", charge["id"])
        sandbox.remove("items", item["id"])
        found = named(verify_file(settings_of(sandbox), file, None, None), "surplus")
        assert found["payment_items"] == [(charge["id"], charge["start"])]
        assert found["items"] == [(item["id"], None)]
        run_job(settings_of(sandbox), file, JobOptions(models=False, start=charge["start"], end=charge["end"]))
        sandbox.clock.advance(timedelta(days=1))  # items are read once a day
        run_job(settings_of(sandbox), file, JobOptions(models=False))
        found = named(verify_file(settings_of(sandbox), file, None, None), "surplus")
        assert not {"payment_items", "items"} & set(found)


def test_days_that_were_never_read_are_not_compared(tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    with Sandbox(Account(seed=36, scale=0.2, days=90, today=TODAY)) as sandbox:
        settings = settings_of(sandbox)
        february = JobOptions(models=False, start=date(2026, 2, 1), end=date(2026, 2, 28))
        run_job(settings, file, february)
        verdicts = verify_file(settings, file, None, None)
        assert named(verdicts) == {}
        lost = lose(file, "inventory_history", "date = date '2026-02-14'")
        assert named(verify_file(settings, file, None, None)) == {"inventory_history": lost}


def test_one_resource_that_fails_does_not_stop_the_others(service: Sandbox, file: Path, tmp_path: Path) -> None:
    service.faults.append(Fault("forbidden", path="/v1/orders", times=None))
    try:
        told = logentic("verify", "--db", file, cwd=tmp_path, **access(service))
    finally:
        service.faults.clear()
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "orders" in told.stderr
    assert "status 403" in told.stderr


def test_a_file_that_is_none_and_days_in_the_wrong_order_are_one_line(service: Sandbox, tmp_path: Path) -> None:
    for words in (["--db", "none.duckdb"], ["--db", "x.duckdb", "--start", "2026-02-02", "--end", "2026-02-01"]):
        told = logentic("verify", *words, cwd=tmp_path, **access(service))
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
