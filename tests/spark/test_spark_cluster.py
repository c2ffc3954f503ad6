"""The main job on a real Spark cluster, one of whose two workers is killed in the middle of the build."""

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from engines import MARTS_BUT_RUNS, before_statement, differences, duckdb_marts, folder_marts
from spark_cluster import HOME, SparkCluster, kill, running

from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

# On a short account there is nothing in these.
MAY_BE_EMPTY = {"exception_status", "findings", "invoice_decisions", "order_events", "rejected_values"}
MAY_BE_EMPTY |= {"restatements", "runs", "stock_ledger_breaks"}


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
        run_job(settings, file, JobOptions())
        on_spark = settings.model_copy(update={"destination": "filesystem", "engine": "spark"})
        # As half of the models are built: with the worker goes what it had shuffled.
        with before_statement(60, lambda: kill(cluster.workers[0])):
            run_job(on_spark, tmp_path / "spark", JobOptions())
    expected, found = duckdb_marts(State(file).work), folder_marts(tmp_path / "lake")
    assert {mart for mart, rows in expected.items() if not rows} <= MAY_BE_EMPTY
    assert differences(expected, found, MARTS_BUT_RUNS) == {}
