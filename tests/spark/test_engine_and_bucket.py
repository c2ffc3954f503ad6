"""The main job into a bucket whose tables Sail builds, each over its own protocol."""

from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from bucket_server import BucketServer
from engines import MARTS_BUT_RUNS, differences, duckdb_marts, folder_marts
from sail_server import running

from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State


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
            run_job(settings, tmp_path / "logentic.duckdb", JobOptions())
            run_job(in_bucket, tmp_path / "spark", JobOptions())
    expected, found = duckdb_marts(State(tmp_path / "logentic.duckdb").work), folder_marts(bucket.lake, bucket.system)
    assert found.keys() == expected.keys()
    assert differences(expected, found, MARTS_BUT_RUNS) == {}
