"""Read what a folder or a bucket holds, raw and published, as anyone reads it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import fsspec
from deltalake import DeltaTable

LOCAL = fsspec.filesystem("file")


def raw_rows(lake: str, table: str, columns: str, system: Any = LOCAL) -> list[tuple]:
    place = f"{lake}/logentic_raw/{table}"
    with _opened(system) as reader:
        if system.exists(f"{place}/_delta_log"):
            reader.register("table_of_delta", DeltaTable(place).to_pyarrow_dataset())
            return reader.execute(f"select {columns} from table_of_delta").fetchall()
        return reader.execute(f"select {columns} from {_files(place)}").fetchall()


@contextmanager
def views(lake: str, system: Any = LOCAL) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[str]]]:
    """A reader that has them, and their names."""
    marts = f"{lake}/logentic_marts"
    published = json.loads(system.cat_file(f"{marts}/_published.json"))
    with _opened(system) as reader:
        reader.execute("set TimeZone = 'UTC'; create schema logentic_marts")
        for table in published["tables"]:
            files = _files(f"{marts}/{published['build']}/{table}")
            reader.execute(f"create view logentic_marts.{table} as select * from {files}")
        yield reader, list(published["tables"])


@contextmanager
def _opened(system: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as reader:
        if system is not LOCAL:
            reader.register_filesystem(system)
        yield reader


def _files(place: str) -> str:
    quoted = f"{place}/*.parquet".replace("'", "''")
    return f"read_parquet('{quoted}', union_by_name = true)"
