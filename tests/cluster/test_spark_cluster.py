"""The main job on a real Spark cluster, one of whose two workers is killed in the middle of the build."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
from engines import MARTS, duckdb_marts, rows_of
from published_files import views
from spark_cluster import HOME, SparkCluster, kill, running

from logentic.job import Options, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

OF_RUNS = {"runs"}  # the history of runs is that of the destination
# On a short account there is nothing in these.
MAY_BE_EMPTY = {"exception_status", "findings", "order_events", "restatements", "runs", "stock_ledger_breaks"}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[SparkCluster]:
    if not HOME or not shutil.which("java"):
        assert not os.environ.get("REQUIRE_SPARK"), "Java 17 or conformance/spark_cluster/.venv is missing"
        pytest.skip("make spark-test has a cluster to build on")
    folder = tmp_path / "cluster"
    folder.mkdir()
    with running(folder) as cluster:
        yield cluster


def test_a_worker_is_killed_in_the_middle_and_every_published_table_is_that_of_duckdb(
    cluster: SparkCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake"))
    monkeypatch.setenv("SPARK_REMOTE", cluster.address)
    account = Account(seed=31, scale=0.2, days=100, today=date(2026, 3, 17), timezone="America/Toronto")
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, timezone=account.timezone)
        run_job(settings, file, Options())
        on_spark = settings.model_copy(update={"destination": "filesystem", "engine": "spark"})
        with worker_killed(cluster):
            run_job(on_spark, tmp_path / "spark", Options())
    expected, found = duckdb_marts(State(file).work), published(tmp_path / "lake")
    assert {mart for mart, rows in expected.items() if not rows} <= MAY_BE_EMPTY
    different = {mart: [expected[mart] - found[mart], found[mart] - expected[mart]] for mart in {*MARTS} - OF_RUNS}
    assert {mart: rows for mart, rows in different.items() if any(rows)} == {}


@contextmanager
def worker_killed(cluster: SparkCluster) -> Iterator[None]:
    """As half of the models are built: with the worker goes what it had shuffled."""
    from dbt.adapters.base import BaseAdapter

    real, calls = BaseAdapter.execute, count(1)

    def execute_or_kill(*args: Any, **more: Any) -> Any:
        if next(calls) == 130:
            kill(cluster.workers[0])
        return real(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseAdapter, "execute", execute_or_kill)
        yield
    assert cluster.workers[0].poll() is not None, "the moment never came: the test would show nothing"


def published(lake: Path) -> dict[str, Any]:
    with duckdb.connect() as reader:
        names = views(lake, reader)
        return {table: rows_of(reader.execute(f"select * from logentic_marts.{table}")) for table in names}
