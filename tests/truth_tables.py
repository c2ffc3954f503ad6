"""Compare published tables with the account's truth, row for row.

The truth is computed from what happened in the account (sandbox/truth.py), never from the counters that the API shows.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from postgres_server import execute

from logentic.sandbox import Account, truth

Query = Callable[[str], list[tuple]]
Truth = Callable[[Account, datetime], list[dict[str, Any]]]

MAY_BE_EMPTY = {"invoice_exceptions"}  # of an account without a billed month


def _exceptions(account: Account, at: datetime) -> list[dict[str, Any]]:
    return [{"charge_id": error.charge_id, "rule": error.rule} for error in truth.errors(account, at)]


def _existing_items(account: Account, at: datetime) -> list[dict[str, Any]]:
    return [item for item in truth.items(account, at) if not item["is_deleted"]]


# table: (its truth, the columns compared, which of the published rows)
TABLES: Mapping[str, tuple[Truth, str, str]] = {
    "items": (_existing_items, "item_id, sku, name, cubic_feet, weight, is_deleted", "not is_deleted"),
    "orders": (
        truth.orders,
        "order_id, external_name, shopify_order_id, order_type, status, warehouse_id, city, province_code,"
        " country_code, lines, units, created_at, updated_at",
        "not is_deleted",
    ),
    "order_lines": (truth.order_lines, "order_id, line_number, item_id, sku, quantity", "true"),
    "charges": (
        truth.charges,
        "charge_id, payment_id, charge_type, order_id, item_id, amount, start_date, end_date, billed_date,"
        " is_billed, is_withdrawn",
        "true",
    ),
    "invoices": (truth.invoices, "payment_id, billed_date, charge_type, charges, billed", "true"),
    "stock_movements": (
        truth.stock_movements,
        "item_id, moved_at, movement_type, quantity, is_compound",
        "true",
    ),
    "stock_ledger_daily": (
        truth.stock_ledger_daily,
        "item_id, date, opening, received, shipped, returned, adjusted, closing",
        "true",
    ),
    "storage_cost_daily": (truth.item_days, "item_id, sku, date, volume_cuft, price", "true"),
    "invoice_exceptions": (_exceptions, "charge_id, rule", "true"),
}


def differences(
    where: Path | str, account: Account, at: datetime, tables: Mapping[str, Any] = TABLES
) -> dict[str, Any]:
    """{table: (rows only in the truth, rows only in what was published)} for each table that is not equal."""
    found = {}
    with opened(where) as query:
        for table, (expected_of, columns, which) in tables.items():
            names = [name.strip() for name in columns.split(",")]
            rows = query(f"select {columns} from logentic_marts.{table} where {which}")
            actual = Counter(tuple(map(plain, row)) for row in rows)
            expected = Counter(tuple(plain(row.get(name)) for name in names) for row in expected_of(account, at))
            assert expected or table in MAY_BE_EMPTY, f"the truth of {table} is empty: nothing would be compared"
            if actual != expected:
                found[table] = tuple(
                    sorted(rest.elements(), key=str) for rest in (expected - actual, actual - expected)
                )
        found |= _stock(query, account, at)
    return found


def _stock(query: Query, account: Account, at: datetime) -> dict[str, Any]:
    """Every item-day that history shows has the stock that the account had, counter by counter."""
    names = ("item_id", "date", "supply", "prepared", "receiving", "physical")
    rows = query(f"select {', '.join(names)} from logentic_marts.stock_daily")
    actual = {row[:2]: row[2:] for row in rows}
    days = truth.item_days(account, at)
    expected = {(row["item_id"], row["date"]): tuple(row[name] for name in names[2:]) for row in days}
    wrong = {key: (stock, actual.get(key)) for key, stock in expected.items() if actual.get(key) != stock}
    return {"stock_daily": wrong} if wrong else {}


@contextmanager
def opened(where: Path | str) -> Iterator[Query]:
    """Reads a published file, or a database by its URL."""
    if isinstance(where, str):
        yield lambda sql: execute(where, sql)
        return
    with duckdb.connect(str(where), read_only=True) as published:
        published.execute("set TimeZone = 'UTC'")
        yield lambda sql: published.execute(sql).fetchall()


def plain(value: object) -> object:
    """Equal values compare equal: a decimal has no trailing zeros, a time is UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, Decimal):
        return value.normalize()
    return value
