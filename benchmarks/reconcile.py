"""Measure seconds and peak memory of one million charges through the models.

Every table of finance is built from raw tables. The figures are printed, stored in reconcile.json and written into
docs/reconciliation.md.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.audit_account import write_raw
from benchmarks.audit_models import ROOT, Models
from benchmarks.practices.page import BEGIN
from benchmarks.prices import RESULT as PRICES
from logentic.sandbox import Account

SECONDS, MEMORY_MB, LIMIT = 60, 1024, "500MB"
TODAY = date(2026, 3, 17)
PAGE, RESULT = ROOT / "docs" / "reconciliation.md", Path(__file__).parent / "reconcile.json"
HEADING = "## A large account\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--charges", type=int, default=1_000_000)
    charges = parser.parse_args().charges
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "account.duckdb"
        write_raw(Account(9100, 0.5, 100, TODAY), datetime(2026, 3, 17, 12, tzinfo=UTC), file)
        models = Models()
        multiply(file, charges)
        began, used = time.monotonic(), time.process_time()
        seconds = models.run(file, memory=LIMIT)
        wall, cpu = time.monotonic() - began, time.process_time() - used
        with duckdb.connect(str(file)) as connection:
            count = connection.execute("select count(*) from logentic_marts.charges").fetchone()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {
        "charges": count[0] if count else 0,
        "seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mb": round(memory),
        "memory_limit": LIMIT,
        "slowest": {table: round(spent, 1) for table, spent in sorted(seconds.items(), key=lambda e: -e[1])[:5]},
    }
    print(section(result).removeprefix(HEADING).strip())
    if charges == parser.get_default("charges"):
        RESULT.write_text(json.dumps(result, indent=2) + "\n", "ascii")
        before, _, after = PAGE.read_text("utf-8").partition(HEADING)
        _, begin, practices = after.partition(BEGIN)
        PAGE.write_text(before + section(result).rstrip("\n") + "\n\n" + begin + practices, "utf-8")
    return 0 if wall <= SECONDS and memory <= MEMORY_MB else 1


def section(result: dict[str, Any]) -> str:
    """The end of the page; the page's other writer appends it as it was measured last."""
    prices = json.loads(PRICES.read_text("ascii"))
    slowest = ", ".join(f"`{table}` {spent}" for table, spent in result["slowest"].items())
    return f"""{HEADING}
{result["charges"]:,} charges, every table built from the raw tables by one process on two cores, as
`make reconcile-benchmark` measured it:

| | measured | at most |
| --- | --- | --- |
| seconds | {result["seconds"]} | {SECONDS} |
| CPU seconds, of both cores | {result["cpu_seconds"]} | |
| memory at its peak, MB | {result["peak_mb"]:,} | {MEMORY_MB:,} |

Seconds of the slowest tables: {slowest}.
DuckDB's memory limit, the setting `duckdb_memory`, was {result["memory_limit"]}.

Learning and pricing alone, in a process of its own, as `python -m benchmarks.prices` measured it:
{prices["charges"]:,} charges of {prices["types"]} types, as {prices["practices"]} practices bill them, took
{prices["cpu_seconds"]} CPU seconds and {prices["peak_mb"]:,} MB. The goal is 15 CPU seconds and 500 MB.
"""


def multiply(file: Path, charges: int) -> None:
    """The same account many times over: orders, their lines and their charges get ids of their own."""
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"set memory_limit = '{LIMIT}'")
        count = connection.execute(
            "select count(*) from logentic_raw.payment_items where order_id is not null"
        ).fetchone()
        copies = -(-charges // (count[0] if count else 1))
        for table, shifted in (
            ("orders", "id + n * 1000000 as id"),
            ("orders__stored_items", "order_id + n * 1000000 as order_id"),
            ("payment_items", "id + n * 1000000 as id, order_id + n * 1000000 as order_id"),
        ):
            where = "where order_id is not null" if table == "payment_items" else ""
            connection.execute(
                f"insert into logentic_raw.{table} select given.* replace ({shifted})"
                f" from logentic_raw.{table} as given cross join range(1, {copies}) as copies (n) {where}"
            )


if __name__ == "__main__":
    sys.exit(main())
