"""Measure what a build costs on each engine as the account grows: DuckDB, PostgreSQL, Sail, a Spark cluster.

Write benchmarks/results/engines.json, one entry for each size and engine, and docs/scale.md. Each build is a whole dbt
build of the same raw tables, checks included, with 2 GB for DuckDB; the CPU of dbt and of the server counts. A build
that does not end in time is recorded as such.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psycopg2

from benchmarks.scale_page import RESULTS, write_page
from benchmarks.stock_account import generate

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import engines
import postgres_server
import sail_server
import spark_cluster

MEMORY = "2GB"
TABLES = ("stock_movements", "stock_daily", "stock_ledger_daily", "storage_cost_daily", "orders", "charges")
VARIABLES = json.dumps({"models_version": "benchmark"})
Counts = dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--engines", nargs="*", choices=BUILDS, default=["duckdb", "postgres", "sail"])
    parser.add_argument("--timeout", type=float, default=1200, help="seconds that a build may take")
    parser.add_argument("--page", action="store_true", help="write docs/scale.md of the results that are kept, no more")
    options = parser.parse_args()
    if not options.page:
        with tempfile.TemporaryDirectory(prefix="logentic-scale-") as name:
            work = Path(name) / "work.duckdb"
            generate(work, Path(name) / "day.duckdb", options.records)
            _add_audit_logs(work)
            for engine in options.engines:
                folder = Path(name) / engine
                folder.mkdir()
                keep(measure(engine, work, folder, options.records, options.timeout))
                shutil.rmtree(folder)
    write_page()


def measure(engine: str, work: Path, folder: Path, records: int, timeout: float) -> dict[str, object]:
    found: dict[str, object] = {"engine": engine, "records": records, "measured_at": f"{datetime.now(UTC):%F}"}
    found |= {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    try:
        found |= BUILDS[engine](work, folder, timeout)
    except subprocess.TimeoutExpired:
        found["outcome"] = f"not ended after {timeout:.0f} s"
    except AssertionError as error:
        found["outcome"] = " ".join(str(error).split())[-300:]
    print(json.dumps(found), file=sys.stderr, flush=True)
    return found


def build_on_duckdb(work: Path, folder: Path, timeout: float) -> dict[str, object]:
    file = folder / "copy.duckdb"
    shutil.copyfile(work, file)
    cost = _built("duckdb", folder, timeout, LOGENTIC_DBT_DB=str(file), LOGENTIC_MEMORY_LIMIT=MEMORY)
    with duckdb.connect(str(file), read_only=True) as built:
        rows = {t: _one(built.execute(f"select count(*) from logentic_marts.{t}")) for t in TABLES}
        return cost | {"rows": rows, "gigabytes": _gigabytes(file.stat().st_size)}


def build_on_postgres(work: Path, folder: Path, timeout: float) -> dict[str, object]:
    with (
        tempfile.TemporaryDirectory(prefix="logentic-scale-pg-") as place,
        postgres_server.running(Path(place) / "d") as server,
    ):
        url = server.new_database()
        with closing(psycopg2.connect(url)) as connection:
            connection.autocommit = True
            engines.fill_postgres(work, folder, connection.cursor())
            connection.cursor().execute(f"alter database {url.rpartition('/')[2]} set work_mem = '256MB'")
        pid = int((Path(place) / "d" / "postmaster.pid").read_text("utf-8").split()[0])
        cost = _built("postgres", folder, timeout, lambda: _cpu_of(pid), **engines.postgres_environment(url))
        with closing(psycopg2.connect(url)) as connection:
            cursor = connection.cursor()
            rows = {}
            for table in TABLES:
                cursor.execute(f"select count(*) from logentic_work_marts.{table}")
                rows[table] = _one(cursor)
            cursor.execute("select pg_database_size(current_database())")
            return cost | {"rows": rows, "gigabytes": _gigabytes(_one(cursor))}


def build_on_sail(work: Path, folder: Path, timeout: float) -> dict[str, object]:
    engines.write_raw_files(work, folder / "raw")
    with sail_server.running(folder) as server:
        return _on_connect(
            f"{server.address}/;session_id=00112233-4455-6677-8899-aabbccddeeff", folder, timeout, server.cpu_seconds
        )


def build_on_spark(work: Path, folder: Path, timeout: float) -> dict[str, object]:
    engines.write_raw_files(work, folder / "raw")
    with spark_cluster.running(folder) as cluster:
        return _on_connect(cluster.address, folder, timeout, cluster.cpu_seconds)


def _on_connect(address: str, folder: Path, timeout: float, cpu: Callable[[], float]) -> dict[str, object]:
    built = folder / "built"
    cost = _built(
        "spark",
        folder,
        timeout,
        cpu,
        SPARK_REMOTE=address,
        SPARK_HOME=str(folder),
        TZ="UTC",
        LOGENTIC_RAW=str(folder / "raw"),
        LOGENTIC_BUILT=str(built),
    )
    with duckdb.connect() as reader:
        counted = {t: _one(reader.execute(f"select count(*) from '{built}/{t}/*.parquet'")) for t in TABLES}
    size = sum(path.stat().st_size for part in (folder / "raw", built) for path in part.rglob("*.parquet"))
    return cost | {"rows": counted, "gigabytes": _gigabytes(size)}


BUILDS = {"duckdb": build_on_duckdb, "postgres": build_on_postgres, "sail": build_on_sail, "spark": build_on_spark}


def _built(
    target: str, folder: Path, timeout: float, server_cpu: Callable[[], float] = lambda: 0.0, **environment: str
) -> dict[str, object]:
    before = server_cpu()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    engines.dbt(target, VARIABLES, folder, timeout, **environment)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
    return {
        "cpu_seconds": round(own + server_cpu() - before, 1),
        "wall_seconds": round(wall, 1),
        "outcome": "built",
    }


def keep(entry: dict[str, object]) -> None:
    """In place of an earlier one of the same size and engine."""
    kept = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else []
    same = [entry["engine"], entry["records"]]
    kept = [each for each in kept if [each["engine"], each["records"]] != same] + [entry]
    kept.sort(key=lambda each: (each["records"], list(BUILDS).index(each["engine"])))
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def _add_audit_logs(work: Path) -> None:
    """Empty ones, as a run leaves them."""
    from logentic.audit_log import PUBLISHED_LOGS, RUNS

    with duckdb.connect(str(work)) as connection:
        for audit_log in (*PUBLISHED_LOGS, RUNS):
            columns = ", ".join(f'"{name}" {kind}' for name, kind in audit_log.columns.items())
            connection.execute(f"create table if not exists logentic_raw.{audit_log.name} ({columns})")


def _cpu_of(pid: int) -> float:
    """Of a server and of the processes that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _gigabytes(size: int) -> float:
    return round(size / 1e9, 3)


def _one(cursor: object) -> int:
    return int(cursor.fetchone()[0])  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
