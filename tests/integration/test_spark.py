"""The main job into a folder whose tables an engine builds, over Spark Connect: on Sail, really run."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pytest
from command_line import killed_run, logentic
from engines import MARTS, duckdb_marts, rows_of
from published_files import views
from sail_server import SailServer, running

from logentic.errors import BuildError, UsageError, first_line
from logentic.job import Options, run_job
from logentic.sandbox import Account, Readings, Sandbox
from logentic.settings import Settings
from logentic.spark import engine_address
from logentic.state import State

TODAY = date(2026, 3, 17)
OF_RUNS = {"runs"}  # the history of runs is that of the destination


@pytest.mark.parametrize(
    ("environment", "code", "words"),
    [
        ({}, 2, "the engine is not named. Set SPARK_REMOTE to its address"),
        ({"SPARK_REMOTE": "localhost:15002"}, 2, "SPARK_REMOTE is no address of Spark Connect. Write it as sc://"),
        ({"SPARK_REMOTE": "sc://127.0.0.1:x"}, 2, "SPARK_REMOTE is no address of Spark Connect"),
        ({"SPARK_REMOTE": "sc://127.0.0.1:1/;token=s3cret"}, 1, "Spark on 127.0.0.1:1: Connection refused"),
        ({"LOGENTIC_DESTINATION": "duckdb"}, 2, "engine spark builds the tables of filesystem, not of duckdb"),
        ({"LOGENTIC_ENGINE": "flink"}, 2, "'none' or 'spark'"),
    ],
)
def test_an_engine_that_cannot_be_used_is_one_line_and_nothing_is_read(
    environment: dict[str, str], code: int, words: str, tmp_path: Path
) -> None:
    settings = {"destination": "filesystem", "engine": "spark", "api_token": "t", "base_url": "http://127.0.0.1:1/v1"}
    environment = {"DESTINATION__FILESYSTEM__BUCKET_URL": str(tmp_path / "lake"), **environment}
    done = logentic("run", "--db", "x", cwd=tmp_path, more_environment=environment, **settings)
    assert words in done.stderr
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.removeprefix("extract and load …\n").count("\n") == 1
    assert "s3cret" not in done.stderr


def test_what_the_wire_says_is_one_line() -> None:
    said = '<_InactiveRpcError of RPC that terminated with:\n\tstatus = UNAVAILABLE\n\tdetails = "refused"\n>'
    assert [first_line(message) for message in (said, "\n a table\nis missing", "")] == [
        "refused",
        "a table",
        "no message",
    ]


def test_a_client_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "sc://127.0.0.1:1")
    monkeypatch.setattr("logentic.spark.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="the client of Spark is not installed") as refused:
        engine_address()
    assert refused.value.guidance == "Install logentic-elt[spark]."


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", str(tmp_path / "lake's"))
    monkeypatch.setenv("LOGENTIC_DESTINATION", "filesystem")
    monkeypatch.setenv("LOGENTIC_ENGINE", "spark")
    return tmp_path / "lake's"


@pytest.fixture
def sail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SailServer]:
    with running(tmp_path) as server:
        # A session of a fixed name: its tables are there for the next run, as in an engine with a catalog.
        monkeypatch.setenv("SPARK_REMOTE", f"{server.address}/;session_id={uuid4()}")
        yield server


@pytest.mark.parametrize("raw_format", ["parquet", "delta"])
def test_ten_days_on_sail_with_kills_and_a_lost_engine_end_equal_and_readers_never_see_half_of_it(
    raw_format: str, lake: Path, sail: SailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days of history are restated in between. Accidents come with Parquet; Delta is built once, at the end."""
    monkeypatch.setenv("LOGENTIC_RAW_FORMAT", raw_format)
    accidents = {9: "half of the models were built", 6: "as its files were written", 3: "the engine is lost"}
    account = Account(seed=43, scale=0.1, days=40, today=TODAY, timezone="America/Toronto")
    state, file = tmp_path / "spark", tmp_path / "logentic.duckdb"
    with Sandbox(account, readings=Readings(restated_history_days=3)) as sandbox:
        now = sandbox.clock.now()
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, timezone=account.timezone)
        in_file = settings.model_copy(update={"destination": "duckdb", "engine": "none"})
        sandbox.clock.set(now - timedelta(days=10))
        run_job(settings, state, Options(models=raw_format == "parquet"))
        run_job(in_file, file, Options())
        for days, accident in [*accidents.items()][: 1 if raw_format == "delta" else None]:
            sandbox.clock.set(now - timedelta(days=days))
            run_job(in_file, file, Options())
            if raw_format == "delta":
                run_job(settings, state, Options(models=False))
                continue
            before = pointer(lake)
            if accident == "the engine is lost":
                with lost_engine(sail), pytest.raises(BuildError, match="models and checks failed"):
                    run_job(settings, state, Options())
                sail.start()
            else:
                killed = killed_run(accident, state, sandbox, timeout=200)
                assert killed.returncode == -signal.SIGKILL, killed.stderr
            assert pointer(lake) == before, "what is read is what was published"
            assert published(lake), "and it can be read"
        sandbox.clock.set(now)
        leave_a_table(os.environ["SPARK_REMOTE"])
        run_job(settings, state, Options())
        run_job(in_file, file, Options())
    expected, found = duckdb_marts(State(file).work), published(lake)
    assert found.keys() == expected.keys()
    different = {mart: [expected[mart] - found[mart], found[mart] - expected[mart]] for mart in {*MARTS} - OF_RUNS}
    assert {mart: rows for mart, rows in different.items() if any(rows)} == {}
    builds = [path.name for path in (lake / "logentic_marts").iterdir() if path.is_dir()]
    assert len(builds) <= 2, "the build that is read, and the one before"


def leave_a_table(address: str) -> None:
    """Of a model that is no more."""
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(address).create()
    session.sql("create schema if not exists logentic_work_marts")
    session.sql("create table logentic_work_marts.left_over as select 1 as one")
    session.release_session_on_close = False
    session.stop()


def pointer(lake: Path) -> str:
    return (lake / "logentic_marts" / "_published.json").read_text("utf-8")


def published(lake: Path) -> dict[str, Any]:
    with duckdb.connect() as reader:
        names = views(lake, reader)
        return {table: rows_of(reader.execute(f"select * from logentic_marts.{table}")) for table in names}


@contextmanager
def lost_engine(sail: SailServer) -> Iterator[None]:
    """It is killed as dbt is at work."""
    from dbt.adapters.base import BaseAdapter

    real, calls = BaseAdapter.execute, count(1)

    def execute_or_lose(*args: Any, **more: Any) -> Any:
        if next(calls) == 70:
            sail.kill()
        return real(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseAdapter, "execute", execute_or_lose)
        yield
    assert next(calls) > 70, "the moment never came: the test would show nothing"
