"""The raw tables as Parquet in a folder: the same rows as in DuckDB, and none twice after a crash."""

import signal
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import killed_run
from deltalake import DeltaTable

from logentic.errors import UsageError
from logentic.job import Options, Outcome, run_job
from logentic.recovery import KEYS
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
RAW = ("orders", "orders__stored_items", "items", "item_quantities", "inventory_history", "payment_items")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake's"))
    return tmp_path / "lake's" / "logentic_raw"


@pytest.mark.parametrize("raw_format", ["parquet", "delta"])
def test_the_same_rows_are_loaded_as_into_duckdb(raw_format: str, folder: Path, tmp_path: Path) -> None:
    with Sandbox(Account(seed=21, scale=0.2, days=40, today=TODAY)) as sandbox:
        now = sandbox.clock.now()
        for day in (now - timedelta(days=2), now):
            sandbox.clock.set(day)
            for destination in ("filesystem", "duckdb"):
                load(sandbox, tmp_path / destination, destination, raw_format=raw_format)
        assert load(sandbox, tmp_path / "filesystem", raw_format=raw_format).loaded.news == 0
        with pytest.raises(UsageError, match="is not in the raw_format"):
            load(sandbox, tmp_path / "filesystem", raw_format="delta" if raw_format == "parquet" else "parquet")
    with duckdb.connect(str(tmp_path / "duckdb.state" / "work.duckdb")) as work:
        for table in RAW:
            columns = work.execute(f"select * from logentic_raw.{table} limit 0").description
            names = ", ".join(f'"{name}"' for name, *_ in columns if name not in ("_dlt_load_id", "_seen_at"))
            expected = Counter(work.execute(f"select {names} from logentic_raw.{table}").fetchall())
            assert Counter(rows(folder, table, names)) == expected, table
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
    step: str, state: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
            assert rows(folder, table, "count(*)") == expected, table
    assert doubled(folder) == {}


def load(sandbox: Sandbox, file: Path, destination: str = "filesystem", **more: Any) -> Outcome:
    settings = Settings(base_url=sandbox.url, api_token=sandbox.token, destination=destination, hash_key="one", **more)
    return run_job(settings, file, Options(models=destination == "filesystem"))


def rows(folder: Path, table: str, columns: str) -> list[tuple]:
    """As anyone reads it."""
    with duckdb.connect() as reader:
        if (folder / table / "_delta_log").exists():
            reader.register("table_of_delta", DeltaTable(folder / table).to_pyarrow_dataset())
            return reader.execute(f"select {columns} from table_of_delta").fetchall()
        files = str(folder / table / "*.parquet").replace("'", "''")
        return reader.execute(f"select {columns} from read_parquet('{files}', union_by_name = true)").fetchall()


def doubled(folder: Path) -> dict[str, int]:
    found = {}
    for table, key in KEYS.items():
        names = ", ".join(f'"{name}"' for name in key)
        found[table] = rows(folder, table, f"count(*) - count(distinct ({names}))")[0][0]
    return {table: count for table, count in found.items() if count}
