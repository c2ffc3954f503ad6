"""kill -9 at every step: the next run ends with exact tables, each row once."""

import signal
from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import pytest
from command_line import killed_run
from engines import before_statement
from killed_run import LOADING_STEPS
from postgres_server import execute
from raw_tables import doubled_rows, raw_differences
from truth_tables import TABLES, differences, opened

from logentic.destinations.postgres.engine import PostgresEngine
from logentic.errors import LogenticError
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Readings, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
STEPS = (
    *LOADING_STEPS,
    "half of the models were built",
    "before publishing",
    "between copy and swap",
    "after publishing",
)


@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_at_any_step_is_made_good_by_the_next(step: str, tmp_path: Path) -> None:
    """Once in the first load, once in a later one."""
    account = Account(seed=41, scale=0.2, days=40, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account) as sandbox:
        now = sandbox.clock.now()
        sandbox.clock.set(now - timedelta(days=2))
        killed = killed_run(step, file, sandbox)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        sandbox.clock.set(now)
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
        is_of_models = step in STEPS[STEPS.index("half of the models were built") :]
        run_job(settings, file, JobOptions(models=is_of_models))
        assert raw_differences(file, sandbox) == {}
        assert not is_of_models or differences(file, account, now) == {}
        assert doubled(file) == {}
    left = [path.name for path in tmp_path.rglob("*.partial")]
    assert left == []


def test_a_later_run_that_is_killed_leaves_the_published_file_as_it_was(tmp_path: Path) -> None:
    account = Account(seed=42, scale=0.1, days=30, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account) as sandbox:
        now = sandbox.clock.now()
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
        sandbox.clock.set(now - timedelta(days=2))
        run_job(settings, file, JobOptions())
        published = file.read_bytes()
        sandbox.clock.set(now)
        for step in ("a file was loaded but not noted", "half of the models were built", "between copy and swap"):
            assert killed_run(step, file, sandbox).returncode == -signal.SIGKILL
            assert file.read_bytes() == published
        run_job(settings, file, JobOptions())
        assert differences(file, account, now) == {}
        assert doubled(file) == {}


def test_ten_days_in_postgres_with_kills_and_a_lost_connection_end_exact_and_readers_never_see_half_of_it(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Days of history are restated in between, so that builds replace days that stand."""
    monkeypatch.setenv("LOGENTIC_DESTINATION", "postgres")
    account = Account(seed=43, scale=0.1, days=40, today=TODAY)
    state = tmp_path / "postgres"
    accidents = {
        9: "half of the models were built",
        6: "a file was loaded but not noted",
        4: "in the middle of publishing",
        2: "the connection",
    }
    with Sandbox(account, readings=Readings(restated_history_days=3)) as sandbox:
        now = sandbox.clock.now()
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token)
        sandbox.clock.set(now - timedelta(days=10))
        run_job(settings, state, JobOptions())
        for days, accident in accidents.items():
            before = fingerprint(postgres)
            sandbox.clock.set(now - timedelta(days=days))
            if accident == "the connection":
                # dbt may mend it by itself.
                with before_statement(30, lambda: end_connections(postgres), PostgresEngine), suppress(LogenticError):
                    run_job(settings, state, JobOptions())
                continue
            killed = killed_run(accident, state, sandbox)
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            assert fingerprint(postgres) == before
        sandbox.clock.set(now)
        run_job(settings, state, JobOptions())
        file = tmp_path / "logentic.duckdb"
        run_job(settings.model_copy(update={"destination": "duckdb"}), file, JobOptions())
    with opened(postgres) as in_postgres, opened(file) as in_file:
        for table, (_, columns, _) in TABLES.items():
            asked = f"select {columns} from logentic_marts.{table}"
            assert Counter(in_postgres(asked)) == Counter(in_file(asked)), table
    assert doubled(postgres) == {}


def fingerprint(url: str) -> list[tuple]:
    """Of all that analysts read."""
    tables = execute(url, "select tablename from pg_tables where schemaname = 'logentic_marts' order by 1")
    assert tables
    hashed = (
        f"select '{name}', sum(hash_record_extended(one, 0)) from logentic_marts.{name} as one" for (name,) in tables
    )
    return execute(url, " union all ".join(hashed))


def end_connections(url: str) -> None:
    others = "pid <> pg_backend_pid() and datname = current_database()"
    execute(url, f"select pg_terminate_backend(pid) from pg_stat_activity where {others}")


def doubled(where: Path | str) -> dict[str, int]:
    with opened(where) as query:
        return doubled_rows(lambda table, what: query(f"select {what} from logentic_raw.{table}")[0][0])
