"""Values that could not be read, from the API over real HTTP to the published table: recorded once, closed once."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from mutating_service import MutatingService, Record
from raw_tables import raw_differences

from logentic.job import JobOptions, JobResult, run_job
from logentic.load import source
from logentic.reports.status import read_status
from logentic.sandbox import Account, Readings, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LOG = """
select resource, key, field, text, _is_removed from logentic_raw.rejected_values order by resource, key, field, _seen_at
"""


@pytest.fixture
def service() -> Iterator[MutatingService]:
    account = Account(seed=71, scale=0.1, days=30, today=TODAY)
    with Sandbox(account, readings=Readings(page_size="capped")) as sandbox, MutatingService(sandbox) as service:
        yield service


@pytest.fixture
def file(service: MutatingService, tmp_path: Path) -> Path:
    """A file that is up to date, every window of it confirmed."""
    file = tmp_path / "logentic.duckdb"
    run(service, file)
    run(service, file)
    return file


def run(service: MutatingService, file: Path, **more: Any) -> JobResult:
    settings = Settings(base_url=service.url, api_token=service.token, hash_key="one key for all")
    return run_job(settings, file, JobOptions(models=False, **more))


def again(service: MutatingService, file: Path, **more: Any) -> JobResult:
    """A run that reads the last days again, an hour later."""
    service.sandbox.clock.advance(HOUR)
    return run(service, file, start=TODAY - 20 * DAY, end=TODAY, **more)


def log_of(file: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(State(file).work), read_only=True) as work:
        return work.execute(LOG).fetchall()


def unreadable(name: str, record_id: int, **fields: Any) -> Any:
    """A change of one record of a list, wherever it is served."""

    def change(path: str, record: Record) -> None:
        if path in (f"/v1/{name}", f"/v1/{name}/{record_id}") and record["id"] == record_id:
            record.update(fields)

    return change


def a_charge(service: MutatingService) -> int:
    rows = service.sandbox.state().rows("payment_items")
    return int(next(row["id"] for row in rows if row["start"] and row["start"] > TODAY - 15 * DAY))


def test_a_rejection_is_recorded_once_and_closed_when_the_value_is_readable(
    service: MutatingService, file: Path
) -> None:
    charge = str(a_charge(service))
    found = ("payment_items", charge, "amount", '"n/a"', False)
    service.change_record = unreadable("payment_items", int(charge), amount="n/a")
    assert again(service, file).loaded.rejected == 1
    assert log_of(file) == [found]
    loaded = sorted((State(file).dlt / "logentic" / "load" / "loaded").iterdir())
    before = State(file).work.read_bytes()
    outcome = again(service, file)
    assert (outcome.loaded.rejected, outcome.loaded.changes, log_of(file)) == (1, 0, [found])
    assert State(file).work.read_bytes() == before, "the same rejection again is no news"
    assert sorted((State(file).dlt / "logentic" / "load" / "loaded").iterdir()) == loaded
    service.change_record = None
    assert again(service, file).loaded.rejected == 0
    assert log_of(file) == [found, (*found[:-1], True)]
    assert raw_differences(file, service.sandbox) == {}


def test_a_rejection_alone_is_news_and_so_is_its_end(service: MutatingService, file: Path) -> None:
    """The value is null before and after: only the reason for it changes."""
    order = int(service.sandbox.state().rows("orders")[-1]["id"])
    service.change_record = unreadable("orders", order, external_name=None)
    again(service, file)
    assert log_of(file) == []
    service.change_record = unreadable("orders", order, external_name=["x"])
    outcome = again(service, file)
    assert (outcome.loaded.changes, outcome.loaded.rejected) == (0, 1)
    service.change_record = unreadable("orders", order, external_name=None)
    outcome = again(service, file)
    assert (outcome.loaded.changes, outcome.loaded.rejected) == (0, 0)
    assert [(key, field, closed) for _, key, field, _, closed in log_of(file)] == [
        (str(order), "external_name", False),
        (str(order), "external_name", True),
    ]


def test_a_charge_read_by_its_id_and_one_that_vanishes_close_their_entries(
    service: MutatingService, file: Path
) -> None:
    sandbox = service.sandbox
    charge = dict(sandbox.state().rows("payment_items")[-1])
    del charge["id"]
    unbilled = {**charge, "billed_date": None, "payment_id": None, "start": TODAY - DAY, "end": TODAY - DAY}
    first, second = (sandbox.insert("payment_items", unbilled) for _ in range(2))

    def change(path: str, record: Record) -> None:
        if "payment_items" in path and record["id"] in (first, second):
            record["quantity"] = "many"

    service.change_record = change
    sandbox.clock.advance(HOUR)
    assert run(service, file).loaded.rejected == 2
    service.change_record = unreadable("payment_items", second, quantity="many")
    sandbox.alter("payment_items", first, start=None, end=None)
    asked = len(sandbox.requests)
    sandbox.clock.advance(HOUR)
    assert run(service, file).loaded.rejected == 1
    assert f"/v1/payment_items/{first}" in {request.path for request in list(sandbox.requests)[asked:]}
    sandbox.remove("payment_items", second)
    sandbox.clock.advance(HOUR)
    assert run(service, file).loaded.rejected == 0
    assert [(key, closed) for _, key, _, _, closed in log_of(file)] == [
        (str(first), False),
        (str(first), True),
        (str(second), False),
        (str(second), True),
    ]


def test_a_row_without_a_readable_key_stays_open_until_its_window_is_complete(
    service: MutatingService, file: Path
) -> None:
    lost = int(service.sandbox.state().rows("items")[0]["id"])
    service.change_record = unreadable("items", lost, id="none")
    service.sandbox.clock.advance(DAY)
    assert run(service, file).loaded.rejected == 1
    ((resource, key, field, _, _),) = log_of(file)
    assert (resource, key[:11], field) == ("items", "unreadable:", "")
    service.sandbox.clock.advance(HOUR)
    assert run(service, file).loaded.rejected == 1
    assert len(log_of(file)) == 1
    service.change_record = None
    service.sandbox.clock.advance(DAY)
    assert run(service, file).loaded.rejected == 0
    assert [row[-1] for row in log_of(file)] == [False, True]


def test_a_window_on_disk_keeps_its_rejections(
    service: MutatingService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logentic.extract.spill_buffer.HELD_BYTES", 0)

    def change(path: str, record: Record) -> None:
        if "item_quantities" in path:
            record["supply"] = "x"

    service.change_record = change
    file = tmp_path / "logentic.duckdb"
    outcome = run(service, file)
    records = len(service.sandbox.state().rows("item_quantities"))
    assert (outcome.loaded.rejected, len(log_of(file))) == (records, records)


def test_a_database_that_an_earlier_version_loaded_gets_the_table(service: MutatingService, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    with pytest.MonkeyPatch.context() as earlier:
        as_table = source._as_table
        earlier.setattr(source, "_as_table", lambda name, rows: None if "rejected" in name else as_table(name, rows))
        run(service, file)
    with pytest.raises(duckdb.CatalogException):
        log_of(file)
    charge = a_charge(service)
    service.change_record = unreadable("payment_items", charge, amount="n/a")
    assert read_status(file)["rejected_values"] == 0
    assert again(service, file).loaded.rejected == 1
    assert read_status(file)["rejected_values"] == 1
    assert [row[1] for row in log_of(file)] == [str(charge)]
