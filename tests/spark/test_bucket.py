"""The raw tables in a bucket, over S3's own protocol: the same rows as in DuckDB, none twice, faults in one line."""

import signal
from datetime import date, timedelta
from pathlib import Path

import pytest
from bucket_server import SECRET, BucketServer
from command_line import killed_run, logentic
from published_files import raw_rows
from raw_tables import assert_same_rows

from logentic.job import JobOptions, JobResult, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
CREDENTIALS, URL = "DESTINATION__FILESYSTEM__CREDENTIALS__", "DESTINATION__FILESYSTEM__BUCKET_URL"


@pytest.mark.parametrize("raw_format", ["parquet", "delta"])
def test_the_same_rows_are_loaded_as_into_duckdb_also_after_a_killed_run(
    raw_format: str, bucket: BucketServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The killed run's state folder is lost with it: what is in the bucket is all that the next one knows."""
    monkeypatch.setenv("LOGENTIC_HASH_KEY", "one")
    monkeypatch.setenv("LOGENTIC_DESTINATION", "filesystem")
    monkeypatch.setenv("LOGENTIC_RAW_FORMAT", raw_format)
    with Sandbox(Account(seed=21, scale=0.1, days=30, today=TODAY)) as sandbox:
        now = sandbox.clock.now()
        for day in (now - timedelta(days=2), now):
            sandbox.clock.set(day)
            load(sandbox, tmp_path / "whole", "duckdb")
            if day < now:
                load(sandbox, tmp_path / "first")
                continue
            killed = killed_run("half was loaded", tmp_path / "killed", sandbox)
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            load(sandbox, tmp_path / "next")
        assert load(sandbox, tmp_path / "next").loaded.changes == 0
    work = tmp_path / "whole.state" / "work.duckdb"
    assert_same_rows(work, lambda table, names: raw_rows(bucket.lake, table, names, bucket.system))


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({URL: "s3://another/x"}, 2, "The specified bucket does not exist."),
        ({f"{CREDENTIALS}ENDPOINT_URL": "http://127.0.0.1:1"}, 1, "Could not connect to the endpoint URL"),
        ({URL: "gs://lake/x"}, 2, f"`credentials`. Set {CREDENTIALS}"),
        ({URL: "gs://lake/x", f"{CREDENTIALS}TOKEN": "t", f"{CREDENTIALS}PROJECT_ID": "p"}, 2, "pip install dlt[gs]"),
        ({URL: "elsewhere://lake/x"}, 2, "Protocol not known: elsewhere"),
    ],
)
def test_what_keeps_a_bucket_from_being_reached_is_one_line(
    more: dict[str, str], code: int, words: str, bucket: BucketServer, tmp_path: Path
) -> None:
    settings = {"destination": "filesystem", "api_token": "t", "base_url": "http://127.0.0.1:1/v1"}
    done = logentic("run", cwd=tmp_path, more_environment=bucket.environment | more, **settings)
    assert words in done.stderr
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.removeprefix("extract and load …\n").count("\n") == 1
    assert SECRET not in done.stderr


def load(sandbox: Sandbox, file: Path, destination: str = "filesystem") -> JobResult:
    settings = Settings(base_url=sandbox.url, api_token=sandbox.token, destination=destination)
    return run_job(settings, file, JobOptions(models=destination == "filesystem"))
