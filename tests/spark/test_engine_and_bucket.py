"""The main job into a bucket whose tables Sail builds, each over its own protocol."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pytest
from bucket_server import BUCKET, BucketServer
from engines import MARTS, duckdb_marts, rows_of
from sail_server import running

from logentic.job import Options, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

OF_RUNS = {"runs"}  # the history of runs is that of the destination


def test_what_is_built_of_a_bucket_in_a_bucket_is_what_duckdb_builds(
    bucket: BucketServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(seed=43, scale=0.1, days=40, today=date(2026, 3, 17), timezone="America/Toronto")
    with Sandbox(account) as sandbox, running(tmp_path) as sail:
        monkeypatch.setenv("SPARK_REMOTE", f"{sail.address}/;session_id={uuid4()}")
        now = sandbox.clock.now()
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, timezone=account.timezone)
        in_bucket = settings.model_copy(update={"destination": "filesystem", "engine": "spark"})
        for day in (now - timedelta(days=1), now):
            sandbox.clock.set(day)
            run_job(settings, tmp_path / "logentic.duckdb", Options())
            run_job(in_bucket, tmp_path / "spark", Options())
    expected, found = duckdb_marts(State(tmp_path / "logentic.duckdb").work), published(bucket)
    assert found.keys() == expected.keys()
    different = {mart: [expected[mart] - found[mart], found[mart] - expected[mart]] for mart in {*MARTS} - OF_RUNS}
    assert {mart: rows for mart, rows in different.items() if any(rows)} == {}


def published(bucket: BucketServer) -> dict[str, Any]:
    builds = f"{BUCKET}/account/logentic_marts"
    pointer = json.loads(bucket.system.cat_file(f"{builds}/_published.json"))
    with duckdb.connect() as reader:
        reader.register_filesystem(bucket.system)
        reader.execute("set TimeZone = 'UTC'")
        files = {table: f"s3://{builds}/{pointer['build']}/{table}/*.parquet" for table in pointer["tables"]}
        return {table: rows_of(reader.execute("from read_parquet(?)", [path])) for table, path in files.items()}
