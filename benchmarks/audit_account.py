"""Write an account of the sandbox as raw tables, without a request: the state that the extractor would have left."""

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.raw_database import LOAD, insert_load, insert_rows, make_raw_tables
from logentic.sandbox import Account
from logentic.sandbox.readings import Readings
from logentic.sandbox.state import AccountState

LISTS = ("orders", "items", "item_quantities", "inventory_history", "payment_items")


def write_raw(account: Account, at: datetime, file: Path, readings: Readings | None = None) -> None:
    """All lists as they are at that moment, each read whole just then."""
    state = AccountState(account, readings or Readings())
    state.pass_to(at)
    seen = {"_seen_at": at.isoformat(), "_is_removed": False, "_dlt_load_id": LOAD}
    with duckdb.connect(str(file)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        make_raw_tables(connection)
        for resource in LISTS:
            rows = state.rows(resource)
            insert_rows(connection, resource, [_flat(row) | seen for row in rows])
            if resource == "orders":
                lines = [
                    {"order_id": row["id"], "line_number": number, **line, "_seen_at": seen["_seen_at"]}
                    for row in rows
                    for number, line in enumerate(row["stored_items"], 1)
                ]
                insert_rows(connection, "orders__stored_items", [line | {"_dlt_load_id": LOAD} for line in lines])
        insert_load(connection, LISTS, at)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}__{inner}": what for inner, what in value.items()}
        elif name != "stored_items":
            flat[name] = value
    return flat
