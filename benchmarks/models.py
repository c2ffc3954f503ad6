"""Measure what the models cost: a full build of a small and of a large account, and the build after one new day.

Print CPU seconds (of all threads), wall seconds and peak memory of each part as JSON, each the middle of all rounds;
every part is a process of its own. An item has a record, a row of history and a row of the ledger for each day; there
are orders with their lines, and charges. The tables after the new day are compared with those of a full build. With
--beside the parts of another checkout are measured in turn with ours, over the same raw tables.
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
from statistics import median

from logentic.monitoring.memory import exit_process, hide_unneeded_modules, limit_memory

MARTS = ("items", "orders", "order_lines", "stock_movements", "stock_daily", "stock_ledger_daily", "storage_cost_daily")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=600_000, help="stock records of the first load")
    parser.add_argument("--memory", default="200MB", help="DuckDB's limit, as the setting duckdb_memory")
    parser.add_argument("--rounds", type=int, default=1, help="how often each part is measured")
    parser.add_argument("--beside", type=Path, help="a checkout of another version, set up")
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
        hide_unneeded_modules(models=True)
        PARTS[options.part](options.keep, options.memory)
        exit_process(0)
    folder = options.keep.resolve() if options.keep else Path(tempfile.mkdtemp(prefix="logentic-models-"))
    try:
        print(json.dumps(measure(folder, options), indent=1))
    finally:
        if not options.keep:
            shutil.rmtree(folder)


def measure(folder: Path, options: argparse.Namespace) -> dict[str, object]:
    from stock_account import append_day

    folder.mkdir(parents=True, exist_ok=True)
    raw, day = folder / "raw", folder / "raw" / "day.duckdb"
    # By a process of its own: the kernel counts what this one holds when it forks into a part's peak.
    made = [sys.executable, __file__, "--part", ACCOUNT, "--keep", str(raw), "--records", str(options.records)]
    subprocess.run(made, check=True)
    checkouts = {"ours": Path(__file__).parents[1]} | ({"beside": options.beside} if options.beside else {})
    costs: dict[str, dict[str, list[dict[str, float]]]] = {name: {part: [] for part in PARTS} for name in checkouts}
    for _ in range(options.rounds):
        for name in checkouts:
            shutil.rmtree(folder / name, ignore_errors=True)
            for account in ("account", "small"):
                work_of(folder / name, account).parent.mkdir(parents=True)
                shutil.copyfile(work_of(raw, account), work_of(folder / name, account))
        for part in ("warm", *PARTS):
            for name, checkout in checkouts.items():
                work = work_of(folder / name)
                if part == "day":
                    append_day(work, day)
                    work_of(folder / name, "again").parent.mkdir()
                    shutil.copyfile(work, work_of(folder / name, "again"))
                # The first build of an installation parses or compiles what none after it does.
                cost = run(checkout, "small" if part == "warm" else part, folder / name, options.memory)
                if part != "warm":
                    costs[name][part].append(cost)
    middles = {name: {part: _middle(found) for part, found in parts.items()} for name, parts in costs.items()}
    return (
        {"records": options.records, "rounds": options.rounds}
        | middles.pop("ours")
        | middles
        | compare(folder / "ours")
    )


def compare(folder: Path) -> dict[str, object]:
    """Compare the tables after a new day with those of a full build."""
    import duckdb

    with duckdb.connect(str(work_of(folder, "again"))) as whole:
        whole.execute(f"attach '{work_of(folder)}' as grown (read_only)")
        rows = {t: whole.execute(f"select count(*) from logentic_marts.{t}").fetchone()[0] for t in MARTS}
        is_equal = all(
            not whole.execute(
                f"select count(*) from (select hash(t) as h from {one}.logentic_marts.{t} as t except all"
                f" select hash(t) from {other}.logentic_marts.{t} as t)"
            ).fetchone()[0]
            for t in MARTS
            for one, other in (("work", "grown"), ("grown", "work"))
        )
    return {"rows": rows, "equal": is_equal}


def _middle(found: list[dict[str, float]]) -> dict[str, float]:
    return {figure: median(cost[figure] for cost in found) for figure in found[0]}


def work_of(folder: Path, name: str = "account") -> Path:
    return folder / f"{name}.duckdb.state" / "work.duckdb"


def run(checkout: Path, part: str, folder: Path, memory: str) -> dict[str, float]:
    """One part in a process of its own; its CPU seconds, and the most memory that it held."""
    began = time.monotonic()
    program = [str(checkout / ".venv" / "bin" / "python"), str(checkout / "benchmarks" / "models.py")]
    command = [*program, "--part", part, "--keep", str(folder), "--memory", memory]
    # Settings come from the checkout that is measured, not from the folders of dlt that `import logentic` names here.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DLT_")}
    process = subprocess.Popen(command, stdout=sys.stderr, cwd=checkout, env=environment | {"MALLOC_ARENA_MAX": "2"})
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


def day(folder: Path, memory: str) -> None:
    full(folder, memory)


def day_in_full(folder: Path, memory: str) -> None:
    full(folder, memory, "again", full_refresh=True)


ACCOUNT = "account"
SMALL = 2_000  # stock records, of an account that shows what a build costs whatever its size
PARTS = {
    "small": small,
    "full": full,
    "day": day,
    "day_in_full": day_in_full,
}

if __name__ == "__main__":
    main()
