"""Write an account of the sandbox as raw tables, without a request: the state that the extractor would have left."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from logentic.sandbox import Account
from logentic.sandbox.readings import Readings
from logentic.sandbox.state import AccountState

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "integration"))
from raw_account import TABLES

LOAD = "1.0"
LISTS = ("orders", "items", "item_quantities", "inventory_history", "payment_items")


def write_raw(account: Account, at: datetime, file: Path, readings: Readings | None = None) -> None:
    """All lists as they are at that moment, each read whole just then."""
    state = AccountState(account, readings or Readings())
    state.pass_to(at)
    seen = {"_seen_at": at.isoformat(), "_is_removed": False, "_dlt_load_id": LOAD}
    with duckdb.connect(str(file)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema logentic_raw")
        for name, columns in TABLES.items():
            connection.execute(f"create table logentic_raw.{name} ({columns})")
        for resource in LISTS:
            rows = state.rows(resource)
            _insert(connection, resource, [_flat(row) | seen for row in rows])
            if resource == "orders":
                lines = [
                    {"order_id": row["id"], "line_number": number, **line, "_seen_at": seen["_seen_at"]}
                    for row in rows
                    for number, line in enumerate(row["stored_items"], 1)
                ]
                _insert(connection, "orders__stored_items", [line | {"_dlt_load_id": LOAD} for line in lines])
        _insert(connection, "extract_windows", [_receipt(resource, at) for resource in LISTS])
        _insert(connection, "_dlt_loads", [{"load_id": LOAD, "schema_name": "logentic", "status": 0}])


def _receipt(resource: str, at: datetime) -> dict[str, Any]:
    return {
        "window_id": resource,
        "run_id": "1",
        "resource": resource,
        "filter": "updated_at",
        "window_start": datetime(2015, 1, 1, tzinfo=UTC),
        "window_end": at,
        "started_at": at,
        "finished_at": at,
        "is_complete": True,
        "is_confirmed": True,
        "_dlt_load_id": LOAD,
    }


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}__{inner}": what for inner, what in value.items()}
        elif name != "stored_items":
            flat[name] = value
    return flat


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    """Every value as text, cast by the table's own columns: exact for decimals."""
    if not rows:
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [None if row.get(name) is None else str(row[name]) for row in rows] for name in names}
    connection.register("arriving", pa.table(columns))
    quoted = ", ".join(f'"{name}"' for name in names)
    connection.execute(f"insert into logentic_raw.{table} ({quoted}) select {quoted} from arriving")
    connection.unregister("arriving")
