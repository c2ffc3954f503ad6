"""The main job into a real PostgreSQL: the same rows as in DuckDB, and nothing lost when the server is."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
from command_line import access, logentic
from postgres_server import PostgresServer, execute
from raw_tables import RAW, assert_same_rows, doubled_rows
from tiny_service import Asked, Reply, TinyService, page, settings_for

from logentic import logentic_source
from logentic.errors import StateError
from logentic.job import JobOptions, JobResult, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
SCRIPT = Path(__file__).parents[2] / "killed_run.py"


def test_the_same_rows_are_loaded_as_into_duckdb(postgres: str, tmp_path: Path) -> None:
    """Decimals exact, times with their zone, texts without letters; over two days, with restated rows between."""
    with Sandbox(Account(seed=21, scale=0.2, days=40, today=TODAY)) as sandbox:
        now = sandbox.clock.now()
        for day in (now - timedelta(days=2), now):
            sandbox.clock.set(day)
            for destination in ("postgres", "duckdb"):
                load(sandbox, tmp_path / destination, destination, hash_key="one")
        assert load(sandbox, tmp_path / "postgres", hash_key="one").loaded.changes == 0
    work = tmp_path / "duckdb.state" / "work.duckdb"
    assert_same_rows(work, lambda table, names: execute(postgres, f"select {names} from logentic_raw.{table}"))
    assert doubled(postgres) == {}


def test_a_run_without_news_wakes_neither_dlt_nor_dbt(postgres: str, tmp_path: Path) -> None:
    with Sandbox(Account(seed=22, scale=0.1, days=10, today=TODAY)) as sandbox:
        load(sandbox, tmp_path / "quiet")
        settings = f"base_url={sandbox.url!r}, api_token={sandbox.token!r}, destination='postgres'"
        code = (
            "import sys; from pathlib import Path; from logentic.job import JobOptions, run_job\n"
            "from logentic.settings import Settings\n"
            f"outcome = run_job(Settings({settings}), Path({str(tmp_path / 'quiet')!r}), JobOptions(models=False))\n"
            "assert outcome.loaded.changes == 0 and outcome.published_bytes is None\n"
            "assert not {'dlt', 'dbt'} & set(sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def test_fields_with_very_long_names_are_not_cut_into_each_other_and_texts_come_back_as_they_were(
    postgres: str, tmp_path: Path
) -> None:
    texts = ["", '"', "\\N", "\\.", "é\n,\t'", "null", "a\0b"]
    item = {"id": 1, "external_name": "A"} | {f"{'a' * 70}_{number}": text for number, text in enumerate(texts)}
    empty = page([])

    def reply(asked: Asked) -> Reply:
        found = page([item]) if asked.path == "/v1/items" else empty
        return Reply(200, found.body, {"Date": "Tue, 17 Mar 2026 12:00:00 GMT"})

    with TinyService(reply) as service:
        settings = settings_for(service.url, destination="postgres", earliest_date=date(2026, 3, 1))
        news = [run_job(settings, tmp_path / "long", JobOptions(models=False)).loaded.changes for _ in range(2)]
    assert news == [1, 0]
    (row,) = execute(postgres, "select * from logentic_raw.items")
    held = [text.replace("\0", "\ufffd") for text in texts]  # PostgreSQL has no place for a NUL
    assert sorted(text for text in row if text in held) == sorted(held)
    recorded = execute(postgres, "select resource, key, field, text, reason from logentic_raw.rejected_values")
    (entry,) = recorded
    assert (entry[0], entry[1], entry[3:]) == ("items", "1", ('"a\ufffdb"', "invalid text replaced"))
    assert entry[2].startswith("aaa")


def test_status_says_of_postgres_what_it_says_of_a_file(postgres: str, tmp_path: Path) -> None:
    with Sandbox(Account(seed=30, scale=0.1, days=20, today=TODAY)) as sandbox:
        settings = access(sandbox)
        environment = {"DESTINATION__POSTGRES__CREDENTIALS": postgres}
        to = ("--destination", "postgres")
        nothing = logentic("status", *to, cwd=tmp_path, more_environment=environment, **settings)
        for _ in range(2):
            done = logentic("run", *to, "--no-models", cwd=tmp_path, more_environment=environment, **settings)
            assert done.returncode == 0, done.stderr
        status = logentic("status", *to, "--json", cwd=tmp_path, more_environment=environment, **settings)
        shown = logentic("status", *to, cwd=tmp_path, more_environment=environment, **settings)
        load(sandbox, tmp_path / "x.duckdb", "duckdb")
        load(sandbox, tmp_path / "x.duckdb", "duckdb")
        file = logentic("status", "--db", "x.duckdb", "--json", cwd=tmp_path, **settings)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
    assert "holds nothing yet. Load it: logentic run --destination postgres" in nothing.stderr
    of_postgres, of_file = (json.loads(done.stdout)["resources"] for done in (status, file))
    for found in (*of_postgres.values(), *of_file.values()):
        found.pop("last_success")
    assert of_postgres == of_file
    assert "PostgreSQL account" in shown.stdout
    assert (tmp_path / "logentic.postgres.state").is_dir()


@contextmanager
def striking(owner: Any, name: str, nth: int, strike: Any) -> Iterator[None]:
    """Something happens to the server as a function of ours is called the nth time."""
    real, calls = getattr(owner, name), [0]

    def wrapped(*args: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == nth:
            strike()
        return real(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, wrapped)
        yield
    assert calls[0] >= nth, "the moment never came: the test would show nothing"


@pytest.mark.parametrize(
    ("loss", "moment"),
    [
        ("the connection", "while it is compared"),
        ("the connection", "while it is loaded"),
        ("the server", "while it is loaded"),
        ("the server", "while it is noted as loaded"),
    ],
)
def test_what_is_lost_in_the_middle_of_a_run_is_made_good_by_the_next(
    postgres: str, postgres_server: PostgresServer, tmp_path: Path, loss: str, moment: str
) -> None:
    from dlt.common.storages import PackageStorage
    from dlt.destinations.impl.postgres.postgres import PostgresClient

    from logentic.destinations.postgres.connection import RawPostgres

    moments = {
        "while it is compared": (RawPostgres, "__call__", 12),
        "while it is loaded": (PackageStorage, "complete_job", 3),
        "while it is noted as loaded": (PostgresClient, "complete_load", 1),
    }

    def restart() -> None:
        postgres_server.stop("immediate")
        postgres_server.start()

    def disconnect() -> None:
        other = "pid <> pg_backend_pid() and datname = current_database()"
        execute(postgres, f"select pg_terminate_backend(pid) from pg_stat_activity where {other}")

    with Sandbox(Account(seed=24, scale=0.1, days=20, today=TODAY)) as sandbox:
        now = sandbox.clock.now()
        sandbox.clock.set(now - timedelta(days=1))
        for file, destination in (("lost", "postgres"), ("whole", "duckdb")):
            load(sandbox, tmp_path / file, destination)
        sandbox.clock.set(now)
        strike = restart if loss == "the server" else disconnect
        with striking(*moments[moment], strike), suppress(StateError):  # dlt may mend it by itself
            load(sandbox, tmp_path / "lost")
        load(sandbox, tmp_path / "lost")
        load(sandbox, tmp_path / "whole", destination="duckdb")
    assert counts(postgres) == counts(tmp_path / "whole.state" / "work.duckdb")
    assert doubled(postgres) == {}


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    url = "postgresql://ann:secret@127.0.0.1:1/account"
    with Sandbox(Account(seed=25, scale=0.1, days=10, today=TODAY)) as sandbox:
        done = logentic(
            "run",
            cwd=tmp_path,
            more_environment={"DESTINATION__POSTGRES__CREDENTIALS": url},
            **access(sandbox, destination="postgres"),
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "PostgreSQL account on 127.0.0.1: connection" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "PostgreSQL is not named. Set DESTINATION__POSTGRES__CREDENTIALS"),
        ({"DESTINATION__POSTGRES__CREDENTIALS": "what?"}, "is no URL of PostgreSQL"),
    ],
)
def test_credentials_that_are_missing_or_wrong_are_one_line(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    done = logentic("run", "--destination", "postgres", cwd=tmp_path, more_environment=environment, api_token="t")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr


def test_credentials_are_read_where_dlt_reads_them(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from urllib.parse import urlsplit

    from logentic.destinations.postgres.connection import credentials

    parts = urlsplit(postgres)
    named = {"host": parts.hostname, "port": parts.port, "database": parts.path[1:], "username": "postgres"}
    monkeypatch.setenv("DLT_CONFIG_FOLDER", str(tmp_path))
    url = credentials()
    monkeypatch.delenv("DESTINATION__POSTGRES__CREDENTIALS")
    (tmp_path / "secrets.toml").write_text(f'destination.postgres.credentials = "{postgres}"')
    assert credentials() == url
    table = "".join(f"{name} = {value!r}\n" for name, value in named.items())
    (tmp_path / "secrets.toml").write_text(f"[destination.postgres.credentials]\n{table}")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", "none")
    assert credentials() == url


@pytest.mark.parametrize("destination", ["postgres", "filesystem"])
@pytest.mark.parametrize(
    "command", ["verify", "exceptions", "reconcile --invoice 1", "prices", "close 2026-01", "dashboard"]
)
def test_a_command_that_reads_a_file_says_so(command: str, destination: str, tmp_path: Path) -> None:
    words = [*command.split(), "--db", "account"]
    done = logentic(*words, cwd=tmp_path, destination=destination, api_token="t")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"this command reads a DuckDB file; destination is {destination}" in done.stderr
    named = logentic(*words, "--destination", destination, cwd=tmp_path, api_token="t")
    assert named.returncode == 2
    assert named.stderr == (
        f"logentic: logentic {words[0]} reads a DuckDB file, whatever the destination."
        " Run into a file as well: logentic run --destination duckdb --db FILE.\n"
    )
    unnamed = logentic(*command.split(), cwd=tmp_path, destination=destination, api_token="t")
    assert unnamed.returncode == 2
    assert "--db logentic.duckdb does not exist, and this command reads a DuckDB file" in unnamed.stderr


def test_two_runs_into_one_database_do_not_meet(postgres: str, tmp_path: Path) -> None:
    """Also with state folders of their own, as on two machines."""
    from logentic.destinations.postgres.destination import PostgresDestination
    from logentic.state import State

    with Sandbox(Account(seed=26, scale=0.1, days=10, today=TODAY)) as sandbox:
        with (
            PostgresDestination(Settings(), State(tmp_path / "other")).locked(0),
            pytest.raises(StateError, match="another run is in progress on PostgreSQL"),
        ):
            load(sandbox, tmp_path / "one")
        load(sandbox, tmp_path / "one")


def test_the_journals_come_back_when_the_state_folder_is_lost_and_another_key_is_refused(
    postgres: str, tmp_path: Path
) -> None:
    from logentic.audit_log import EXCEPTION_LOG
    from logentic.state import State

    with Sandbox(Account(seed=27, scale=0.1, days=10, today=TODAY)) as sandbox:
        load(sandbox, tmp_path / "first", hash_key="one")
        folder = State(tmp_path / "first").folder
        EXCEPTION_LOG.append(folder, [{"event_id": "e1", "note": "=1+1", "amount_at_stake": "1.50"}])
        load(sandbox, tmp_path / "first", hash_key="one")
        with pytest.raises(StateError, match="made with another key"):
            load(sandbox, tmp_path / "second", hash_key="two")
        assert load(sandbox, tmp_path / "second", hash_key="one").loaded.changes == 0
    (event,) = EXCEPTION_LOG.read(State(tmp_path / "second").folder)
    assert (event["event_id"], event["note"], str(event["amount_at_stake"])[:4]) == ("e1", "=1+1", "1.50")


def test_a_dlt_pipeline_of_the_users_own_loads_it(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(Account(seed=28, scale=0.1, days=10, today=TODAY)) as sandbox:
        for name, value in access(sandbox).items():
            monkeypatch.setenv(f"LOGENTIC_{name.upper()}", str(value))
        for _ in range(2):
            pipeline = dlt.pipeline("mine", destination="postgres", dataset_name="mine", pipelines_dir=str(tmp_path))
            pipeline.run(logentic_source())
        load(sandbox, tmp_path / "ours")
    for table in RAW:
        mine, ours = (
            execute(postgres, f"select count(*) from {schema}.{table}") for schema in ("mine", "logentic_raw")
        )
        assert mine == ours, table


def load(sandbox: Sandbox, file: Path, destination: str = "postgres", **more: Any) -> JobResult:
    settings = Settings(base_url=sandbox.url, api_token=sandbox.token, destination=destination, **more)
    return run_job(settings, file, JobOptions(models=False))


def counts(where: str | Path) -> dict[str, int]:
    """Rows by table, of raw tables that hold what was read, however often runs came."""
    asked = {table: f"select count(*) from logentic_raw.{table}" for table in RAW}
    if isinstance(where, str):
        return {table: execute(where, sql)[0][0] for table, sql in asked.items()}
    with duckdb.connect(str(where)) as work:
        return {table: work.execute(sql).fetchone()[0] for table, sql in asked.items()}


def doubled(url: str) -> dict[str, int]:
    return doubled_rows(lambda table, what: execute(url, f"select {what} from logentic_raw.{table}")[0][0])


@pytest.fixture
def full_disk(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, nearly full, as a tablespace."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("only root can mount a disk")
    try:
        postgres_server.give(disk)
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_is_one_line_and_with_space_the_next_run_ends_exact(
    postgres: str, postgres_server: PostgresServer, full_disk: Path, tmp_path: Path
) -> None:
    execute(
        postgres_server.url("postgres"),
        f"create tablespace small location '{full_disk}'",
        f"alter database {postgres.rpartition('/')[2]} set tablespace small",
    )
    with Sandbox(Account(seed=29, scale=0.5, days=90, today=TODAY)) as sandbox:
        done = logentic(
            *("run", "--no-models", "--db", "full"),
            cwd=tmp_path,
            more_environment={"DESTINATION__POSTGRES__CREDENTIALS": postgres},
            **access(sandbox, destination="postgres"),
        )
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        *steps, line = done.stderr.splitlines()
        assert "No space left on device" in line, done.stderr
        assert steps == ["extract and load …"]
        subprocess.run(["mount", "-o", "remount,size=200m", full_disk], check=True)
        load(sandbox, tmp_path / "full")
        load(sandbox, tmp_path / "whole", destination="duckdb")
    assert counts(postgres) == counts(tmp_path / "whole.state" / "work.duckdb")
    assert doubled(postgres) == {}
    postgres_server.drop(postgres)
    execute(postgres_server.url("postgres"), "drop tablespace small")
