"""A package that cannot be loaded is set aside, and its windows are read again: it blocks no later run."""

import logging
import signal
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import killed_run
from raw_tables import assert_same_rows, raw_differences

from logentic.errors import StateError
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
RAW_ONLY = JobOptions(models=False)
NOT_UTF_8 = b"\xe9\xff\xfe"


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("LOGENTIC_HASH_KEY", "the same for every state folder")
    with Sandbox(Account(seed=71, scale=0.1, days=20, today=TODAY)) as sandbox:
        sandbox.clock.advance(timedelta(days=-2))
        yield sandbox


def settings_of(sandbox: Sandbox, **more: Any) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, **more)


def spoil(path: Path, column: str = "name") -> None:
    """Make the texts of a column of a Parquet file invalid UTF-8, as a service without a charset sends them."""
    table = pq.read_table(path)
    texts = table[column].cast(pa.binary()).to_pylist()
    spoilt = pa.Array.from_buffers(pa.string(), len(texts), pa.array([NOT_UTF_8] * len(texts), pa.binary()).buffers())
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, table.schema.field(column), spoilt), path, compression="none")


def packages(file: Path) -> list[str]:
    return sorted(path.name for path in State(file).set_aside.glob("*"))


@pytest.mark.parametrize(
    ("step", "damage"),
    [
        ("all was extracted", "not UTF-8"),
        ("all was normalised", "not UTF-8"),
        ("all was extracted", "cut short"),
        ("half was loaded", "cut short"),
        ("all was normalised", "empty"),
    ],
)
def test_a_pending_package_that_cannot_be_loaded_is_set_aside_and_read_again(
    sandbox: Sandbox, tmp_path: Path, step: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "logentic.duckdb"
    sandbox.clock.advance(timedelta(days=-8))
    run_job(settings_of(sandbox), file, RAW_ONLY)
    sandbox.clock.advance(timedelta(days=8))
    assert killed_run(step, file, sandbox).returncode == -signal.SIGKILL
    waiting = list((State(file).dlt / "logentic").rglob("new_jobs/*.parquet"))
    if damage == "not UTF-8":
        waiting = [path for path in waiting if path.name.startswith("orders.")]
    assert waiting
    for path in waiting:
        if damage == "not UTF-8":
            spoil(path, "external_name")
        else:
            path.write_bytes(path.read_bytes()[:500] if damage == "cut short" else b"")
    with caplog.at_level(logging.WARNING, "logentic"):
        outcome = run_job(settings_of(sandbox), file, RAW_ONLY)
    assert outcome.loaded.failures == {}
    assert raw_differences(file, sandbox) == {}
    assert len(packages(file)) == 1
    assert f"package {packages(file)[0]} was not loaded and is set aside" in caplog.text
    sandbox.clock.advance(timedelta(days=2))
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


class Spoiling:
    """Spoils the files of one table between extraction and loading, some times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, table: str, column: str, times: int) -> None:
        self.times, real = times, dlt.Pipeline.normalize

        def normalize(pipeline: dlt.Pipeline, *args: Any, **more: Any) -> Any:
            done = real(pipeline, *args, **more)
            for path in Path(pipeline.working_dir).glob(f"load/normalized/*/new_jobs/{table}.*.parquet"):
                if self.times and pq.read_metadata(path).num_rows:
                    self.times -= 1
                    spoil(path, column)
            return done

        monkeypatch.setattr(dlt.Pipeline, "normalize", normalize)


def test_a_package_that_fails_once_is_read_again_in_the_same_run(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "logentic.duckdb"
    Spoiling(monkeypatch, "items", "name", times=1)
    outcome = run_job(settings_of(sandbox), file, RAW_ONLY)
    assert outcome.loaded.failures == {}
    assert raw_differences(file, sandbox) == {}
    assert outcome.loaded.changes == sum(row["rows_read"] for row in outcome.loaded.receipts), "counted once"
    assert len(packages(file)) == 1


def test_a_resource_that_fails_twice_has_failed_and_the_others_are_loaded(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "logentic.duckdb"
    with monkeypatch.context() as patched:
        Spoiling(patched, "items", "name", times=2)
        outcome = run_job(settings_of(sandbox), file, RAW_ONLY)
    assert [*outcome.loaded.failures] == ["items"]
    assert str(outcome.loaded.failures["items"]).startswith("items: loading failed: ")
    assert [*raw_differences(file, sandbox)] == ["items"]
    assert len(packages(file)) == 2
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


def test_too_little_memory_names_its_setting_and_blocks_no_later_run(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    try:
        failures = [*run_job(settings_of(sandbox, load_memory="1MB"), file, RAW_ONLY).loaded.failures.values()]
    except StateError as error:
        failures = [error]
    assert any("LOAD_MEMORY" in failure.guidance for failure in failures)
    run_job(settings_of(sandbox), file, RAW_ONLY)
    assert raw_differences(file, sandbox) == {}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOGENTIC_DESTINATION", "filesystem")
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    return tmp_path / "lake" / "logentic_raw"


def test_a_file_that_a_folder_could_not_be_read_with_is_never_put_there(
    sandbox: Sandbox, tmp_path: Path, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        Spoiling(patched, "items", "name", times=1)
        outcome = run_job(settings_of(sandbox), tmp_path / "state", RAW_ONLY)
    assert outcome.loaded.failures == {}
    assert_lake_is_exact(sandbox, tmp_path, lake)


@pytest.mark.parametrize("damage", ["not UTF-8", "cut short"])
def test_a_folder_with_a_damaged_file_is_read_again_from_that_load_on(
    sandbox: Sandbox, tmp_path: Path, lake: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    run_job(settings_of(sandbox), tmp_path / "state", RAW_ONLY)
    sandbox.clock.advance(timedelta(days=1))
    run_job(settings_of(sandbox), tmp_path / "state", RAW_ONLY)
    path = max(path for path in lake.glob("items/*.parquet") if pq.read_metadata(path).num_rows)
    if damage == "not UTF-8":
        spoil(path, "name")
    else:
        path.write_bytes(path.read_bytes()[:-100])
    sandbox.clock.advance(timedelta(days=1))
    with caplog.at_level(logging.WARNING, "logentic"):
        run_job(settings_of(sandbox), tmp_path / "state", RAW_ONLY)
    assert "holds a file that cannot be read" in caplog.text
    assert list(lake.with_name("logentic_raw_set_aside").glob("items/*.parquet"))
    run_job(settings_of(sandbox), tmp_path / "state", RAW_ONLY)
    latest(sandbox, lake)


def test_postgres_sets_a_package_aside_as_well(
    sandbox: Sandbox, tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGENTIC_DESTINATION", "postgres")
    with monkeypatch.context() as patched:
        Spoiling(patched, "items", "name", times=2)
        outcome = run_job(settings_of(sandbox), tmp_path / "state", RAW_ONLY)
    assert [*outcome.loaded.failures] == ["items"]
    outcome = run_job(settings_of(sandbox), tmp_path / "state", RAW_ONLY)
    assert outcome.loaded.failures == {}
    assert outcome.loaded.changes == len(list(sandbox.state().rows("items")))


def assert_lake_is_exact(sandbox: Sandbox, tmp_path: Path, lake: Path) -> None:
    file = tmp_path / "beside.duckdb"
    run_job(settings_of(sandbox, destination="duckdb"), file, RAW_ONLY)

    def read(table: str, names: str) -> list[tuple]:
        return duckdb.sql(
            f"select {names} from read_parquet('{lake}/{table}/*.parquet', union_by_name = true)"
        ).fetchall()

    assert_same_rows(file, read)


def latest(sandbox: Sandbox, lake: Path) -> None:
    """Every record that the service shows stands in the folder."""
    for table in ("orders", "items", "payment_items", "item_quantities"):
        stored = duckdb.sql(f"select distinct id from read_parquet('{lake}/{table}/*.parquet', union_by_name = true)")
        assert {row["id"] for row in sandbox.state().rows(table)} <= {key for (key,) in stored.fetchall()}, table
