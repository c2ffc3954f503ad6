"""Copy a working database's raw tables to another engine, build the models there, and return the rows of each mart."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import psycopg2
import pytest
from published_files import LOCAL, views

from logentic.destinations.base import environment
from logentic.destinations.postgres.connection import VARIABLE
from logentic.destinations.postgres.destination import PostgresDestination
from logentic.destinations.spark.engine import SparkEngine
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State
from logentic.transform.build import model_settings
from logentic.transform.plan import load_plan
from logentic.transform.runner import Runner

PROJECT = Path(__file__).parents[1]
MARTS = sorted(path.stem for path in (PROJECT / "models" / "marts").glob("*.sql"))
MARTS_BUT_RUNS = [mart for mart in MARTS if mart != "runs"]  # the history of runs is that of the destination
# Sail's tables live in its session; this reads them there and leaves files. It ends without waiting for threads.
MAY_BE_EMPTY = {
    "exception_status",
    "findings",
    "invoice_decisions",
    "order_events",
    "rejected_values",
    "restatements",
    "stock_ledger_breaks",
}
Rows = dict[str, Counter[tuple[Any, ...]]]


def built_account(folder: Path) -> tuple[Path, str]:
    """The working database of a run, and what the models know of its settings."""
    file = folder / "logentic.duckdb"
    account = Account(seed=31, scale=0.3, days=120, today=date(2026, 3, 17), timezone="America/Toronto")
    with Sandbox(account) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, timezone=account.timezone)
        run_job(settings, file, JobOptions())
    return State(file).work, json.dumps(model_settings(settings))


def duckdb_marts(database: Path) -> Rows:
    with _opened(database) as work:
        return {mart: rows_of(work.execute(f"select * from logentic_marts.{mart}")) for mart in MARTS}


def postgres_marts(database: Path, variables: str, folder: Path, url: str) -> Rows:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        fill_postgres(database, folder, cursor)
        cursor.execute("create schema logentic_work_marts")
        with _opened(database) as work:
            for table in ("learned_prices", "charge_prices"):  # of the Python steps, which dbt leaves as they stand
                copy_to_postgres(work, f"logentic_marts.{table}", f"logentic_work_marts.{table}", folder, cursor)
        dbt("postgres", variables, folder, **postgres_environment(url))
        found = {}
        for mart in MARTS:
            cursor.execute(f"select * from logentic_work_marts.{mart}")
            found[mart] = rows_of(cursor)
        return found


def postgres_marts_of_the_plan(database: Path, variables: str, folder: Path, url: str) -> Rows:
    """The same, built as the product does; `variables` are those of its settings."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        fill_postgres(database, folder, cursor)
        with environment({VARIABLE: url}):
            destination = PostgresDestination(Settings(), State(folder / "postgres"))
        with destination.models() as engine:
            Runner(load_plan("postgres"), engine, json.loads(variables)).build()
        found = {}
        for mart in MARTS:
            cursor.execute(f"select * from logentic_work_marts.{mart}")
            found[mart] = rows_of(cursor)
        return found


def fill_postgres(database: Path, folder: Path, cursor: Any) -> None:
    cursor.execute("set time zone 'UTC'; create schema logentic_raw")
    with _opened(database) as work:
        for table in _raw_tables(work):
            copy_to_postgres(work, f"logentic_raw.{table}", f"logentic_raw.{table}", folder, cursor)


def copy_to_postgres(work: duckdb.DuckDBPyConnection, table: str, copy: str, folder: Path, cursor: Any) -> None:
    columns = work.execute(f"select * from {table} limit 0").description
    named = ", ".join(f'"{name}" {kind}'.replace("DOUBLE", "double precision") for name, kind, *_ in columns)
    cursor.execute(f"create table {copy} ({named})")
    written = folder / f"{table}.csv"
    work.execute(f"copy {table} to '{written}' (header false, force_quote *)")
    with written.open() as file:
        cursor.copy_expert(f"copy {copy} from stdin (format csv)", file)
    written.unlink()


def postgres_environment(url: str) -> dict[str, str]:
    at = urlsplit(url)
    return {
        "PGHOST": str(at.hostname),
        "PGPORT": str(at.port),
        "PGUSER": str(at.username),
        "PGPASSWORD": str(at.password),
        "PGDATABASE": at.path[1:],
        "PGTZ": "UTC",
        "PGOPTIONS": "-c enable_nestloop=off",
    }


def folder_marts(lake: Path | str, system: Any = LOCAL) -> Rows:
    """Of what was published there."""
    with views(str(lake), system) as (reader, marts):
        return {mart: rows_of(reader.execute(f"select * from logentic_marts.{mart}")) for mart in marts}


def differences(expected: Rows, found: Rows, marts: Iterable[str] = MARTS) -> dict[str, list[Counter[tuple[Any, ...]]]]:
    """{mart: rows that only one of the two has}."""
    different = {mart: [expected[mart] - found[mart], found[mart] - expected[mart]] for mart in marts}
    return {mart: rows for mart, rows in different.items() if any(rows)}


@contextmanager
def before_statement(nth: int, happens: Callable[[], object], engine: type = SparkEngine) -> Iterator[None]:
    """Something happens as a build, in this process, is about to send its nth statement to the engine."""
    real, calls = engine.execute, count(1)

    def execute(*args: Any, **more: Any) -> Any:
        if next(calls) == nth:
            happens()
        return real(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "execute", execute)
        yield
    assert next(calls) > nth, "the moment never came: the test would show nothing"


def write_raw_files(database: Path, raw: Path) -> None:
    with _opened(database) as work:
        for table in _raw_tables(work):
            (raw / table).mkdir(parents=True)
            kind = "json" if table == "_dlt_loads" else "parquet"
            work.execute(f"copy logentic_raw.{table} to '{raw}/{table}/1.{kind}' (format {kind})")


def dbt(target: str, variables: str, folder: Path, timeout: float = 600, **environment: str) -> None:
    places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
    places += ["--target-path", str(folder / "dbt"), "--log-path", str(folder / "dbt")]
    program = str(Path(sys.executable).with_name("dbt"))
    _run(
        [
            program,
            "--quiet",
            "build",
            "--exclude-resource-type",
            "unit_test",
            "--target",
            target,
            *places,
            "--vars",
            variables,
        ],
        {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", **environment},
        timeout,
    )


def _run(command: list[str], environment: dict[str, str], timeout: float = 600) -> None:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


@contextmanager
def _opened(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(database), read_only=True) as work:
        work.execute("set TimeZone = 'UTC'")
        yield work


def _raw_tables(work: duckdb.DuckDBPyConnection) -> list[str]:
    asked = (
        "select table_name from duckdb_tables() where schema_name = 'logentic_raw' and table_name not like '\\_dlt\\_%'"
    )
    named = [name for (name,) in work.execute(asked + " escape '\\'").fetchall()]
    return [*(name for name in named if name != "_logentic"), "_dlt_loads"]


def rows_of(cursor: Any) -> Counter[tuple[Any, ...]]:
    names = [column[0] for column in cursor.description]
    order = sorted(range(len(names)), key=names.__getitem__)
    return Counter(tuple((names[i], _plain(row[i])) for i in order) for row in cursor.fetchall())


def _plain(value: Any) -> Any:
    """Numbers by their value, whatever integer or decimal holds them; times in UTC."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value).normalize() if value else Decimal(0)
    if isinstance(value, datetime):
        return value.timestamp()
    return value
