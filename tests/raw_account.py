"""Fill the raw tables of a DuckDB file row by row, for the tests of the models."""

from pathlib import Path
from shutil import copyfile
from typing import Any

import duckdb

from benchmarks.raw_database import LOAD, make_raw_tables
from logentic.transform.raw_tables import raw_tables


class RawAccount:
    """One DuckDB file with empty raw tables; every row that is added was seen at `seen_at` unless it says otherwise."""

    def __init__(self, path: Path, seen_at: str = "2026-03-01 12:00:00+00") -> None:
        self.path = path
        self.seen_at = seen_at
        with self.connect() as connection:
            make_raw_tables(connection)
        self.add("_dlt_loads", load_id=LOAD, schema_name="logentic", status=0)

    def connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self.path))
        connection.execute("set timezone = 'UTC'")
        return connection

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(statement).fetchall()

    def copy(self, path: Path) -> Path:
        """The file as it stands, elsewhere; what dbt, in this process, has not yet written to it included."""
        self.execute("checkpoint")
        return Path(copyfile(self.path, path))

    def add(self, table: str, **row: Any) -> None:
        columns = raw_tables().get(table, {})
        if table != "_dlt_loads":
            row.setdefault("_dlt_load_id", LOAD)
        if "_seen_at" in columns:
            row.setdefault("_seen_at", self.seen_at)
        if "_is_removed" in columns:
            row.setdefault("_is_removed", False)
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" for _ in row)
        with self.connect() as connection:
            connection.execute(f"insert into logentic_raw.{table} ({names}) values ({marks})", list(row.values()))

    def read(self, resource: str, finished_at: str, window_end: str | None = None, **receipt: Any) -> None:
        """A receipt: `resource` was read whole, up to `window_end` or else to the moment of reading."""
        receipt = {
            "window_id": f"{resource} {finished_at} {window_end}",
            "run_id": finished_at,
            "resource": resource,
            "filter": "updated_at",
            "window_start": "2025-01-01 00:00:00+00",
            "window_end": window_end or finished_at,
            "started_at": finished_at,
            "finished_at": finished_at,
            "is_complete": True,
        } | receipt
        self.add("extract_windows", **receipt)
