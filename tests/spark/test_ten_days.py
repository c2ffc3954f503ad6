"""Ten days of the main job into a folder whose tables Sail builds, with accidents in between."""

import os
import signal
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from command_line import killed_run
from engines import MARTS_BUT_RUNS, before_statement, differences, duckdb_marts, folder_marts
from sail_server import SailServer, running

from logentic.errors import BuildError
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Readings, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)


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
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))  # the client asks for one, also where nothing is built yet
    accidents = {9: "half of the models were built", 6: "as its files were written", 3: "the engine is lost"}
    account = Account(seed=43, scale=0.1, days=40, today=TODAY, timezone="America/Toronto")
    state, file = tmp_path / "spark", tmp_path / "logentic.duckdb"
    with Sandbox(account, readings=Readings(restated_history_days=3)) as sandbox:
        now = sandbox.clock.now()
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, timezone=account.timezone)
        in_file = settings.model_copy(update={"destination": "duckdb", "engine": "none"})
        sandbox.clock.set(now - timedelta(days=10))
        run_job(settings, state, JobOptions(models=raw_format == "parquet"))
        run_job(in_file, file, JobOptions())
        for days, accident in [*accidents.items()][: 1 if raw_format == "delta" else None]:
            sandbox.clock.set(now - timedelta(days=days))
            run_job(in_file, file, JobOptions())
            if raw_format == "delta":
                run_job(settings, state, JobOptions(models=False))
                continue
            before = pointer(lake)
            if accident == "the engine is lost":
                with before_statement(70, sail.kill), pytest.raises(BuildError, match="models and checks failed"):
                    run_job(settings, state, JobOptions())
                sail.start()
            else:
                killed = killed_run(accident, state, sandbox, timeout=200)
                assert killed.returncode == -signal.SIGKILL, killed.stderr
            assert pointer(lake) == before, "what is read is what was published"
            assert folder_marts(lake), "and it can be read"
        sandbox.clock.set(now)
        leave_a_table(os.environ["SPARK_REMOTE"])
        run_job(settings, state, JobOptions())
        run_job(in_file, file, JobOptions())
    expected, found = duckdb_marts(State(file).work), folder_marts(lake)
    assert found.keys() == expected.keys()
    assert differences(expected, found, MARTS_BUT_RUNS) == {}
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
