"""Fill the raw tables of a DuckDB database, as a load would have left them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from logentic.destinations.duckdb import DuckdbEngine
from logentic.transform.raw_tables import raw_tables

LOAD = "1.0"
LOADS = {
    "load_id": "varchar",
    "schema_name": "varchar",
    "status": "bigint",
    "inserted_at": "timestamp with time zone",
    "schema_version_hash": "varchar",
}


def make_raw_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the raw tables, all empty."""
    DuckdbEngine(connection, "", keep_steps=False).complete_raw(raw_tables() | {"_dlt_loads": LOADS})


def insert_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[dict[str, Any]]) -> None:
    """Insert every value as text, cast by the table's own columns: exact for decimals."""
    kept = list(rows)
    if not kept:
        return
    names = list(dict.fromkeys(name for row in kept for name in row))
    columns = {name: [None if row.get(name) is None else str(row[name]) for row in kept] for name in names}
    connection.register("arriving", pa.table(columns))
    quoted = ", ".join(f'"{name}"' for name in names)
    connection.execute(f"insert into logentic_raw.{table} ({quoted}) select {quoted} from arriving")
    connection.unregister("arriving")


def insert_load(connection: duckdb.DuckDBPyConnection, resources: Iterable[str], at: datetime) -> None:
    """Insert the one load, and for each resource the receipt of a complete reading at that moment."""
    insert_rows(
        connection, "_dlt_loads", [{"load_id": LOAD, "schema_name": "logentic", "status": 0, "inserted_at": at}]
    )
    receipts = [
        {
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
        for resource in resources
    ]
    insert_rows(connection, "extract_windows", receipts)
