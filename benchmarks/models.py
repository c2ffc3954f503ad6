"""Measure what the models cost: a full build, the same SQL in plain DuckDB, and the build after one new day.

Print CPU seconds (of all threads), wall seconds and peak memory of each part as JSON; every part is a process of its
own. An item has a record, a row of history and a row of the ledger for each day; there are orders with their lines, and
charges. The tables after the new day are compared with those of a full build.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from full_build import statements

from logentic.monitoring.memory import exit_process, hide_unneeded_modules, limit_memory

MARTS = ("items", "orders", "order_lines", "stock_movements", "stock_daily", "stock_ledger_daily", "storage_cost_daily")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=600_000, help="stock records of the first load")
    parser.add_argument("--memory", default="200MB", help="DuckDB's limit, as the setting duckdb_memory")
    parser.add_argument("--without-plain", action="store_true", help="leave out what the models cost without dbt")
    parser.add_argument("--keep", type=Path, help="use this folder, and leave it")
    parser.add_argument("--part", choices=[ACCOUNT, *PARTS], help="(used by the script itself)")
    options = parser.parse_args()
    if options.part == ACCOUNT:
        from stock_account import generate

        generate(work_of(options.keep), options.keep / "day.duckdb", options.records)
        generate(work_of(options.keep, "small"), options.keep / "small_day.duckdb", SMALL)
        return
    if options.part:
        limit_memory()  # as a run does, before anything is imported
        hide_unneeded_modules()
        PARTS[options.part](options.keep, options.memory)
        exit_process(0)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="logentic-models-"))
    try:
        parts = [part for part in PARTS if not (options.without_plain and part in ("compile", "plain"))]
        print(json.dumps(measure(folder, options.records, options.memory, parts), indent=1))
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def measure(folder: Path, records: int, memory: str, parts: list[str]) -> dict[str, object]:
    import duckdb
    from stock_account import append_day

    folder.mkdir(parents=True, exist_ok=True)
    work, again = work_of(folder), work_of(folder, "again")
    # By a process of its own: the kernel counts what this one holds when it forks into a part's peak.
    made = [sys.executable, __file__, "--part", ACCOUNT, "--keep", str(folder), "--records", str(records)]
    subprocess.run(made, check=True)
    shutil.copyfile(work, folder / "plain.duckdb")
    found: dict[str, object] = {"records": records}
    for part in ("small", *parts):  # the first build of an installation parses the models, and none after it
        if part == "day":
            append_day(work, folder / "day.duckdb")
            again.parent.mkdir()
            shutil.copyfile(work, again)
        cost = run(part, folder, memory)
        if part != "compile":
            found[part] = cost  # of the small account, the second build
    with duckdb.connect(str(folder / "again.duckdb.state" / "work.duckdb")) as whole:
        whole.execute(f"attach '{folder / 'account.duckdb.state' / 'work.duckdb'}' as grown (read_only)")
        found["rows"] = {t: whole.execute(f"select count(*) from logentic_marts.{t}").fetchone()[0] for t in MARTS}
        found["equal"] = all(
            not whole.execute(
                f"select count(*) from (select hash(t) as h from {one}.logentic_marts.{t} as t except all"
                f" select hash(t) from {other}.logentic_marts.{t} as t)"
            ).fetchone()[0]
            for t in MARTS
            for one, other in (("work", "grown"), ("grown", "work"))
        )
    return found


def work_of(folder: Path, name: str = "account") -> Path:
    return folder / f"{name}.duckdb.state" / "work.duckdb"


def run(part: str, folder: Path, memory: str) -> dict[str, float]:
    """One part in a process of its own; its CPU seconds, and the most memory that it held."""
    began = time.monotonic()
    command = [sys.executable, __file__, "--part", part, "--keep", str(folder), "--memory", memory]
    process = subprocess.Popen(command, stdout=sys.stderr, env={**os.environ, "MALLOC_ARENA_MAX": "2"})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{part} failed")
    return {
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_seconds": round(time.monotonic() - began, 2),
        "peak_mb": round(usage.ru_maxrss / 1024),
    }


def full(folder: Path, memory: str, name: str = "account", *, full_refresh: bool = False) -> None:
    from logentic.settings import Settings
    from logentic.state import State
    from logentic.transform.build import build

    built = build(Settings(duckdb_memory=memory), State(folder / f"{name}.duckdb"), full_refresh=full_refresh)
    print(f"{built.models} models, {built.tests} checks", file=sys.stderr)


def small(folder: Path, memory: str) -> None:
    full(folder, memory, "small", full_refresh=True)


def compile_models(folder: Path, memory: str) -> None:
    from logentic.settings import Settings
    from logentic.transform.build import model_settings

    found = statements(folder / "plain.duckdb", folder / "compiled", model_settings(Settings()))
    (folder / "plain.json").write_text(json.dumps(found), "utf-8")


def plain(folder: Path, memory: str) -> None:
    """The SQL that dbt compiled for the full build, without dbt and without its checks."""
    import duckdb

    with duckdb.connect(str(folder / "plain.duckdb"), config={"memory_limit": memory, "threads": 2}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set preserve_insertion_order = false")
        for statement in json.loads((folder / "plain.json").read_text("utf-8")):
            connection.execute(statement)


def day(folder: Path, memory: str) -> None:
    full(folder, memory)


def day_in_full(folder: Path, memory: str) -> None:
    full(folder, memory, "again", full_refresh=True)


ACCOUNT = "account"
SMALL = 2_000  # stock records, of an account that shows what a build costs whatever its size
PARTS = {
    "small": small,
    "full": full,
    "compile": compile_models,
    "plain": plain,
    "day": day,
    "day_in_full": day_in_full,
}

if __name__ == "__main__":
    main()
