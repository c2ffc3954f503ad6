"""The raw tables of a dlt pipeline, wherever it loads to."""

import warnings
from typing import Any

import dlt
import pyarrow as pa
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from logentic.extract.stored_records import Query
from logentic.resources import RAW_KEYS

# A warning of dlt 1.31 about reading Arrow from DuckDB 2.0; users cannot do anything about it.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")


class PipelineQuery(Query):
    def __init__(self, pipeline: dlt.Pipeline) -> None:
        self._pipeline = pipeline
        self._exists = bool(pipeline.default_schema_name) and pipeline.first_run is False

    def __call__(self, sql: str) -> pa.Table | None:
        if not self._exists:
            return None
        with self._pipeline.sql_client() as client:
            try:
                with client.execute_query(sql.format_map(_DltTables(client))) as cursor:
                    # Read in chunks: for a whole table dlt 1.31 calls a function that DuckDB 2.0 removed.
                    chunks = list(cursor.iter_arrow(chunk_size=100_000))
                    return pa.concat_tables(chunks) if chunks else None
            except DatabaseUndefinedRelation:
                return None

    @property
    def holds_nul(self) -> bool:
        """Return whether U+0000 is stored: dlt removes it from SQL inserts, but not from files."""
        return self._pipeline.destination.destination_type.rpartition(".")[2] in ("duckdb", "ducklake", "filesystem")


class NothingStored(PipelineQuery):
    """Nothing is stored, because the load in progress drops the tables."""

    def __call__(self, sql: str) -> pa.Table | None:
        return None


def delete_unfinished(pipeline: dlt.Pipeline, reloaded: list[str], address: str) -> None:
    """Delete rows of loads that are not complete, and second copies of rows of the `reloaded` load ids.

    `address` is the column with the database's address of a row.
    """
    for table, key in RAW_KEYS.items():
        if reloaded:
            _execute(pipeline, _delete_copies(key, reloaded, address), table)
        _execute(
            pipeline,
            "delete from {table} where _dlt_load_id not in (select load_id from {loads} where status = 0)",
            table,
        )


def _delete_copies(key: tuple[str, ...], load_ids: list[str], address: str) -> str:
    loads = ", ".join(f"'{load_id}'" for load_id in load_ids)
    columns = ", ".join(f'"{name}"' for name in ("_dlt_load_id", *key))
    return (
        f"delete from {{table}} where {address} in (select {address} from (select {address}, row_number() over ("
        f"partition by {columns} order by {address}) as copy from {{table}} where _dlt_load_id in ({loads})) as copies"
        " where copy > 1)"
    )


def _execute(pipeline: dlt.Pipeline, sql: str, table: str) -> None:
    with pipeline.sql_client() as client:
        names = {name: client.make_qualified_table_name(name) for name in (table, "_dlt_loads")}
        try:
            client.execute_sql(sql.format(table=names[table], loads=names["_dlt_loads"]))
        except DatabaseUndefinedRelation:
            return


class _DltTables(dict[str, str]):
    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client

    def __missing__(self, name: str) -> str:
        return str(self._client.make_qualified_table_name(name))
