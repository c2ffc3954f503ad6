"""The DAG in a real Airflow: scheduler, DAG processor, API server, and `logentic` in its own environment.

A scheduled run whose first attempt fails and is repeated; a backfill of three days; offline, over a small account.
"""

import ast
import itertools
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

AIRFLOW = Path(sys.executable).with_name("airflow")
DAG = Path(__file__).parents[1] / "logentic_dag.py"
ROOT = Path(__file__).parents[3]
LOGENTIC = ROOT / ".venv" / "bin" / "logentic"
TOKEN = "a-token-that-no-log-may-hold"
ALERTS = "json://a-hook-that-no-log-may-hold@127.0.0.1:9/"
PATIENCE_SECONDS = 600


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    python = LOGENTIC.with_name("python")
    with subprocess.Popen(
        [python, Path(__file__).with_name("service.py"), TOKEN], stdout=subprocess.PIPE, text=True
    ) as service:
        yield service.stdout.readline().strip()
        service.terminate()


@pytest.fixture(scope="module")
def home(account: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Airflow at work, with the DAG alone, in a folder of its own."""
    home = tmp_path_factory.mktemp("airflow")
    environment = environment_of(home, account)
    (home / "dags").mkdir()
    shutil.copy(DAG, home / "dags")

    def airflow(*arguments: str) -> None:
        subprocess.run([AIRFLOW, *arguments], env=environment, check=True, capture_output=True, timeout=300)

    airflow("db", "migrate")
    airflow("pools", "set", "logentic", "1", "one process at a time writes a DuckDB file")
    with (home / "output").open("w") as output:
        parts = []

        def begin(*part: str) -> None:
            parts.append(subprocess.Popen([AIRFLOW, *part], env=environment, stdout=output, stderr=output))

        try:
            begin("api-server", "--workers", "1")
            wait_for(home, lambda: answers(int(environment["AIRFLOW__API__PORT"])))
            begin("dag-processor")
            begin("scheduler", "--skip-serve-logs")
            yield home
        finally:
            for part in parts:
                part.terminate()
            for part in parts:
                part.wait(60)


def environment_of(home: Path, account: str) -> dict[str, str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    connection = {
        "conn_type": "generic",
        "host": account,
        "password": TOKEN,
        "extra": {"alert_urls": ALERTS},
    }
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_LOGENTIC": json.dumps(connection),
        "AIRFLOW_VAR_LOGENTIC_COMMAND": str(LOGENTIC),
        "AIRFLOW_VAR_LOGENTIC_DB": str(home / "logentic.duckdb"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API_AUTH__JWT_SECRET": "of-this-test-alone-and-long-enough-for-sha-512-as-it-wants-64-bytes",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "1",
        "AIRFLOW__SCHEDULER__USAGE_DATA_COLLECTION_ENABLED": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "LOGENTIC_RETRY_SECONDS": "5",
    }


def answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def ask(home: Path, query: str) -> list[tuple]:
    with sqlite3.connect(f"file:{home / 'airflow.db'}?mode=ro", uri=True, timeout=60) as metadata:
        return metadata.execute(query).fetchall()


def wait_for(home: Path, is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_done():
        assert time.monotonic() < deadline, (home / "output").read_text()[-4000:]
        time.sleep(0.5)


def runs(home: Path, kind: str) -> list[str]:
    return [
        state for (state,) in ask(home, f"select state from dag_run where run_type = '{kind}' order by logical_date")
    ]


def test_a_scheduled_run_that_fails_is_repeated_and_ends_well(home: Path) -> None:
    wait_for(home, lambda: runs(home, "scheduled") in (["success"], ["failed"]))
    tries = dict(ask(home, "select task_id, try_number from task_instance"))
    states = dict(ask(home, "select task_id, state from task_instance"))
    assert {states[name] for name in ("extract", "build", "verify")} == {"success"}
    assert tries["extract"] == 2, "the service refused the first attempt"
    assert tries["build"] == tries["verify"] == 1
    assert rows(home, "select outcome from runs order by started_at") == [["failed"], ["published"], ["published"]]
    told = {name for (name,) in ask(home, "select name from asset join asset_event on asset.id = asset_event.asset_id")}
    assert told == {"logentic_orders", "logentic_stock", "logentic_storage", "logentic_invoices"}


def test_a_backfill_reads_its_three_days_one_after_the_other(home: Path, account: str) -> None:
    first, last = (f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}" for days in (7, 4))  # until midnight
    command = [
        "backfill",
        "create",
        "--dag-id",
        "logentic",
        "--from-date",
        first,
        "--to-date",
        last,
        "--max-active-runs",
        "1",
    ]
    environment = environment_of(home, account)
    subprocess.run([AIRFLOW, *command], env=environment, check=True, capture_output=True, timeout=300)
    wait_for(home, lambda: len(done := runs(home, "backfill")) == 3 and set(done) <= {"success", "failed"})
    assert runs(home, "backfill") == ["success"] * 3
    spans = ask(
        home,
        "select min(extract.start_date) , max(notify.end_date) from task_instance as extract, task_instance as notify"
        " where extract.task_id = 'extract' and notify.task_id = 'notify' and extract.run_id = notify.run_id"
        " group by extract.run_id order by 1",
    )
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans)), "one at a time"


def test_no_log_holds_a_secret(home: Path) -> None:
    written = [
        path for path in home.rglob("*") if path.suffix in (".log", ".duckdb", ".jsonl") or path.name == "output"
    ]
    assert any("extract" in str(path) for path in written)
    for path in written:
        content = path.read_bytes()
        assert TOKEN.encode() not in content, path
        assert b"a-hook-that-no-log-may-hold" not in content, path


def test_the_dag_needs_nothing_but_airflow() -> None:
    tree = ast.parse(DAG.read_text("utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= {"airflow", "pendulum", *sys.stdlib_module_names}


def rows(home: Path, query: str) -> list[list[object]]:
    """From the published file, by logentic's own environment: Airflow's has no DuckDB."""
    script = (
        "import sys, json, duckdb; f = duckdb.connect(sys.argv[1], read_only=True);"
        "print(json.dumps(f.execute(sys.argv[2]).fetchall(), default=str))"
    )
    done = subprocess.run(
        [LOGENTIC.with_name("python"), "-c", script, home / "logentic.duckdb", query],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return json.loads(done.stdout)
