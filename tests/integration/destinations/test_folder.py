"""The raw tables as Parquet in a folder: the same rows as in DuckDB, and none twice after a crash."""

import signal
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import killed_run
from published_files import raw_rows
from raw_tables import RAW, assert_same_rows, doubled_rows

from logentic.errors import UsageError
from logentic.job import JobOptions, JobResult, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake's"))
    return str(tmp_path / "lake's")


@pytest.mark.parametrize("raw_format", ["parquet", "delta"])
def test_the_same_rows_are_loaded_as_into_duckdb(raw_format: str, folder: str, tmp_path: Path) -> None:
    with Sandbox(Account(seed=21, scale=0.2, days=40, today=TODAY)) as sandbox:
        now = sandbox.clock.now()
        for day in (now - timedelta(days=2), now):
            sandbox.clock.set(day)
            for destination in ("filesystem", "duckdb"):
                load(sandbox, tmp_path / destination, destination, raw_format=raw_format)
        assert load(sandbox, tmp_path / "filesystem", raw_format=raw_format).loaded.changes == 0
        with pytest.raises(UsageError, match="is not in the raw_format"):
            load(sandbox, tmp_path / "filesystem", raw_format="delta" if raw_format == "parquet" else "parquet")
    work = tmp_path / "duckdb.state" / "work.duckdb"
    assert_same_rows(work, lambda table, names: raw_rows(folder, table, names))
    assert doubled(folder) == {}


@pytest.mark.parametrize(
    ("step", "state"),
    [
        ("a file was loaded but not noted", "kept"),
        ("half was loaded", "lost"),
        ("the load was complete but not noted", "kept"),
    ],
)
def test_a_run_that_was_killed_doubles_nothing(
    step: str, state: str, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the state folder, and with it dlt's package, is lost."""
    monkeypatch.setenv("LOGENTIC_DESTINATION", "filesystem")
    monkeypatch.setenv("LOGENTIC_HASH_KEY", "one")
    with Sandbox(Account(seed=41, scale=0.2, days=30, today=TODAY)) as sandbox:
        killed = killed_run(step, tmp_path / "killed", sandbox)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        if state == "lost":
            (tmp_path / "killed.state").rename(tmp_path / "lost")
        load(sandbox, tmp_path / "killed")
        load(sandbox, tmp_path / "whole", "duckdb")
    with duckdb.connect(str(tmp_path / "whole.state" / "work.duckdb")) as work:
        for table in RAW:
            expected = work.execute(f"select count(*) from logentic_raw.{table}").fetchall()
            assert raw_rows(folder, table, "count(*)") == expected, table
    assert doubled(folder) == {}


def load(sandbox: Sandbox, file: Path, destination: str = "filesystem", **more: Any) -> JobResult:
    settings = Settings(base_url=sandbox.url, api_token=sandbox.token, destination=destination, hash_key="one", **more)
    return run_job(settings, file, JobOptions(models=destination == "filesystem"))


def doubled(folder: str) -> dict[str, int]:
    return doubled_rows(lambda table, what: raw_rows(folder, table, what)[0][0])
