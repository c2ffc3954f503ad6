"""The raw tables of a dlt pipeline, wherever it loads to."""

import warnings
from typing import Any

import dlt
import pyarrow as pa
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

# How dlt 1.31 reads Arrow from DuckDB 2.0; nothing that a user could change.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")


class Destination:
    def __init__(self, pipeline: dlt.Pipeline) -> None:
        self._pipeline = pipeline
        self._exists = bool(pipeline.default_schema_name) and pipeline.first_run is False

    def __call__(self, sql: str) -> pa.Table | None:
        if not self._exists:
            return None
        with self._pipeline.sql_client() as client:
            try:
                with client.execute_query(sql.format_map(_DltTables(client))) as cursor:
                    # In chunks: dlt 1.31 asks DuckDB 2.0 for a whole table by a name that is gone.
                    chunks = list(cursor.iter_arrow(chunk_size=100_000))
                    return pa.concat_tables(chunks) if chunks else None
            except DatabaseUndefinedRelation:
                return None

    def close(self) -> None:
        """dlt opens the destination for each query, and lets go of it."""


class _NothingStored:
    """What is stored after the tables are dropped by the load that is being extracted."""

    def __call__(self, sql: str) -> pa.Table | None:
        return None

    def close(self) -> None: ...


nothing_stored = _NothingStored()


class _DltTables(dict[str, str]):
    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client

    def __missing__(self, name: str) -> str:
        return str(self._client.make_qualified_table_name(name))
