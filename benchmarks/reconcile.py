"""One million charges through the models: how long, and how much memory.

In: how many charges. Out: seconds and peak memory of building every table of finance from raw tables.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from benchmarks.audit_account import write_raw
from benchmarks.audit_models import Models
from logentic.sandbox import Account

SECONDS, MEMORY_MB = 60, 1024
TODAY = date(2026, 3, 17)
FINANCE = frozenset(
    [
        "charges",
        "invoices",
        "invoice_reconciliation",
        "invoice_exceptions",
        "rate_card",
        "findings",
        "accrual",
        "storage_cost_daily",
        "storage_cost_monthly",
        "storage_outlook",
    ]
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--charges", type=int, default=1_000_000)
    charges = parser.parse_args().charges
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "account.duckdb"
        write_raw(Account(9100, 0.5, 100, TODAY), datetime(2026, 3, 17, 12, tzinfo=UTC), file)
        os.environ["LOGENTIC_MEMORY_LIMIT"] = "700MB"
        models = Models(file, Path(name))
        multiply(file, charges)
        began = time.monotonic()
        seconds = models.run(file, memory="700MB")
        whole = time.monotonic() - began
        finance = sum(spent for table, spent in seconds.items() if table in FINANCE)
        with duckdb.connect(str(file)) as connection:
            count = connection.execute("select count(*) from logentic_marts.charges").fetchone()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{count[0] if count else 0:,} charges: finance {finance:.1f} s, all tables {whole:.1f} s, peak {memory:.0f} MB"
    )
    for table, spent in sorted(seconds.items(), key=lambda entry: -entry[1])[:8]:
        print(f"  {table}: {spent:.1f} s")
    return 0 if finance <= SECONDS and memory <= MEMORY_MB else 1


def multiply(file: Path, charges: int) -> None:
    """The same account many times over: orders, their lines and their charges get ids of their own."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("set memory_limit = '500MB'")
        count = connection.execute(
            "select count(*) from logentic_raw.payment_items where order_id is not null"
        ).fetchone()
        copies = charges // (count[0] if count else 1)
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
