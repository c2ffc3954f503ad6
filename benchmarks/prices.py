"""Measure learning and pricing of one million varied charges: `python -m benchmarks.prices`.

The charges are those of practices of the catalogue, each with its own types, many times over. The step runs in a
process of its own, as in a build: it reads the facts from DuckDB, learns, prices and writes both tables.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import duckdb

from benchmarks.audit_models import Models
from benchmarks.practices.account import make_account
from benchmarks.practices.measure import build
from logentic.destinations.duckdb import DuckdbEngine
from logentic.settings import Settings
from logentic.transform.build import model_settings
from logentic.transform.prices.engine import CHARGE_PRICES, LEARNED_PRICES
from logentic.transform.prices.step import write_charge_prices, write_learned_prices
from logentic.transform.runner import StepContext

PRACTICES = (
    "first_additional",
    "included_picks",
    "order_tiers_graduated",
    "month_whole",
    "hazmat",
    "zone_by_weight",
    "dimensional_139",
    "insurance",
    "numbered_cartons",
    "promotion",
    "provider",
    "carrier",
    "moving_prices",
)
RESULT = Path(__file__).parent / "results" / "prices.json"
FACTS, LINES = "int_charge_facts", "int_order_lines_measured"
APART = 100_000_000  # between the ids of two copies


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--charges", type=int, default=1_000_000)
    parser.add_argument("--measure", type=Path, help="learn the prices of this file, and print the figures")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(learn(options.measure)))
        return 0
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "facts.duckdb"
        write_facts(file, options.charges)
        command = [sys.executable, "-m", "benchmarks.prices", "--measure", str(file)]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(found.strip())
    if options.charges == parser.get_default("charges"):
        RESULT.write_text(json.dumps(json.loads(found), indent=1) + "\n", "ascii")
    return 0


def write_facts(file: Path, charges: int) -> None:
    """Write facts and lines of the practices, as often as the number of charges needs."""
    models = Models()
    with duckdb.connect(str(file)) as connection:
        for number, practice in enumerate(PRACTICES):
            account_file = file.with_name(f"{practice}.duckdb")
            if (failure := build(make_account(practice, 11, 1), account_file, models)) is not None:
                raise RuntimeError(f"{practice}: {failure}")
            connection.execute(f"attach '{account_file}' as account (read_only)")
            for table in (FACTS, LINES):
                connection.execute(f"create table if not exists {table} as from account.logentic_build.{table} limit 0")
            ids = f"charge_id + {number * APART} as charge_id, order_id + {number * APART} as order_id"
            types = f"'{number} ' || charge_type as charge_type"
            connection.execute(
                f"insert into {FACTS} select * replace ({ids}, {types}) from account.logentic_build.{FACTS}"
            )
            orders = f"order_id + {number * APART} as order_id"
            connection.execute(f"insert into {LINES} select * replace ({orders}) from account.logentic_build.{LINES}")
            connection.execute("detach account")
        [(count,)] = connection.execute(f"select count(*) from {FACTS}").fetchall()
        copies = round(charges / count)
        beyond = f"n * {len(PRACTICES) * APART}"
        for table, shifted in (
            (FACTS, f"charge_id + {beyond} as charge_id, order_id + {beyond} as order_id"),
            (LINES, f"order_id + {beyond} as order_id"),
        ):
            connection.execute(
                f"insert into {table} select given.* replace ({shifted})"
                f" from {table} as given cross join range(1, {copies}) as copies (n)"
            )


def learn(file: Path) -> dict[str, float]:
    """Run the step; return its figures."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("set memory_limit = '200MB'; set threads = 2; set preserve_insertion_order = false")
        [(charges, types)] = connection.execute(f"select count(*), count(distinct charge_type) from {FACTS}").fetchall()
        engine = DuckdbEngine(connection, "200MB", keep_steps=True)
        for table, schema in (("learned_prices", LEARNED_PRICES), ("charge_prices", CHARGE_PRICES)):
            connection.register("empty", schema.empty_table())
            connection.execute(f"create table {table} as from empty")
        reads = {FACTS: FACTS, LINES: LINES}
        context = StepContext(engine, "learned_prices", reads, model_settings(Settings()), {}, {})
        began, used = time.monotonic(), time.process_time()
        prices = write_learned_prices(context)
        write_charge_prices(replace(context, table="charge_prices"))
    return {
        "charges": charges,
        "types": types,
        "practices": len(PRACTICES),
        "prices": prices,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(time.process_time() - used, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    sys.exit(main())
