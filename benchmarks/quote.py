"""Measure the quote of one year with a million charges: `python -m benchmarks.quote`.

A sandbox account of half a year is built once; its published rows are copied, half of the copies half a year earlier.
The quote runs in a process of its own, as the command does, under one card by zone and weight and one by the unit.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path

import duckdb

from benchmarks.audit_account import write_raw
from benchmarks.audit_models import Models
from logentic.sandbox import Account

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "quote.json"
CARDS = ("zones-and-weight", "per-unit")
DAYS = 184
APART = 100_000_000  # between the ids of two copies
TABLES = {
    "orders": ("order_id", "created_at"),
    "order_fulfilment": ("order_id", "created_at", "in_transit_at", "completed_at"),
    "order_lines": ("order_id",),
    "charges": ("charge_id", "order_id", "start_date", "end_date", "billed_date", "created_at", "item_id"),
    "charge_prices": ("charge_id", "order_id"),
    "invoice_reconciliation": ("charge_id", "order_id", "start_date", "end_date", "billed_date", "item_id"),
    "storage_cost_daily": ("item_id", "date"),
    "items": ("item_id",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--charges", type=int, default=1_000_000)
    parser.add_argument("--measure", type=Path, help="quote this file, and print the figures")
    parser.add_argument("--cards", default=",".join(CARDS), help="names of cards in examples/cards")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.cards.split(","))))
        return 0
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "year.duckdb"
        write_year(file, options.charges)
        command = [sys.executable, "-m", "benchmarks.quote", "--measure", str(file)]
        found = {
            str(len(cards)): json.loads(
                subprocess.run(
                    [*command, "--cards", ",".join(cards)], capture_output=True, text=True, check=True
                ).stdout
            )
            for cards in (CARDS[:1], CARDS)
        }
    print(json.dumps(found))
    if options.charges == parser.get_default("charges"):
        RESULT.write_text(json.dumps(found, indent=1) + "\n", "ascii")
    return 0


def write_year(file: Path, charges: int) -> None:
    """Build half a year, and copy its published rows until they are a year of so many charges."""
    today = date(2026, 3, 2)
    account = Account(seed=3, days=DAYS, today=today, scenarios=())
    write_raw(account, datetime.fromisoformat(f"{today}T12:00:00+00:00"), file)
    Models().run(file)
    with duckdb.connect(str(file)) as connection:
        connection.execute("set TimeZone = 'UTC'; set search_path = 'logentic_marts'; set threads = 2")
        [(own,)] = connection.execute("select count(*) from charges").fetchall()
        copies = max(round(charges / own), 2)
        for table, names in TABLES.items():
            shifted = ", ".join(
                f"{name} + n * {APART} as {name}"
                if name.endswith("_id")
                else f"{name} - case when n % 2 = 1 then interval {DAYS} day else interval 0 day end as {name}"
                for name in names
            )
            connection.execute(
                f"create temp table copied as select given.* replace ({shifted})"
                f" from {table} as given cross join range(1, {copies}) as copies (n)"
            )
            connection.execute(f"insert into {table} select * from copied; drop table copied")


def measure(file: Path, cards: list[str]) -> dict[str, float]:
    """Return the figures of a quote."""
    began, used = time.monotonic(), time.process_time()
    from logentic.reports.quote.card import read_card
    from logentic.reports.quote.comparison import quote
    from logentic.reports.quote.screen import as_dict
    from logentic.settings import Settings

    stated = [read_card(ROOT / "examples" / "cards" / f"{name}.toml") for name in cards]
    found = quote(file, Settings(), stated, date(2025, 3, 1), date(2026, 2, 1))
    json.dumps(as_dict(found))
    with duckdb.connect(str(file), read_only=True) as connection:
        counted = "select count(*) from charges where start_date between $1 and $2"
        [(charges,)] = connection.execute(counted, [found.months[0], date(2026, 2, 28)]).fetchall()
        [(days,)] = connection.execute("select count(*) from storage_cost_daily").fetchall()
    return {
        "cards": len(cards),
        "charges": charges,
        "orders": found.orders,
        "item_days": days,
        "months": len(found.months),
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(time.process_time() - used, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


if __name__ == "__main__":
    sys.exit(main())
