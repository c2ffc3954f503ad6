"""Run the plan of the models on an engine of Spark Connect."""

from collections.abc import Mapping, Set
from typing import Any

import pyarrow as pa

from logentic.destinations.base import Engine

TYPES = {"varchar": "string", "timestamp with time zone": "timestamp", "double precision": "double"}
MARTS = "logentic_work_marts"


class SparkEngine(Engine):
    """Write all tables of a build as Parquet files: marts into `built`, steps into a folder of it."""

    text_type = "string"
    steps = None

    def __init__(self, session: Any, raw: str, raw_format: str, built: str) -> None:
        """`raw`, `built`: folders as the engine takes them."""
        self._session = session
        self._raw, self._raw_format, self._built = raw, raw_format, built
        self._empty: set[str] = set()

    def literal(self, text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def is_error(self, error: BaseException) -> bool:
        return type(error).__module__.partition(".")[0] in ("pyspark", "grpc")

    def execute(self, sql: str) -> int | None:
        self._session.sql(sql)
        return None

    def named_rows(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        found = self._session.sql(sql)
        return found.columns, [tuple(row) for row in found.collect()]

    def read_arrow(self, sql: str) -> pa.Table:
        return self._session.sql(sql).toArrow()

    def write_arrow(self, relation: str, rows: pa.Table) -> None:
        """Overwrite the files and register the table again: neither Sail nor Spark appends to a table of files."""
        if not rows.num_rows:
            return
        self._session.createDataFrame(rows).write.mode("overwrite").parquet(self._location(relation))
        self.execute(f"drop table {relation}")
        self.execute(f"create table {relation} using parquet location {self.literal(self._location(relation))}")

    def make_schemas(self, names: list[str]) -> None:
        for name in names:
            self.execute(f"create schema if not exists {name}")

    def complete_raw(self, tables: Mapping[str, Mapping[str, str]]) -> None:
        """Register the files of the raw tables again, because the engine caches their list. All raw tables exist."""
        self.execute("create schema if not exists logentic_raw")
        for table, columns in tables.items():
            # Audit logs are always Parquet, whatever format dlt writes.
            kind = self._raw_format if "_dlt_load_id" in columns else "parquet"
            kind = "json" if table == "_dlt_loads" else kind
            options = " options (mergeSchema 'true')" if kind == "parquet" else ""
            self.execute(f"drop table if exists logentic_raw.{table}")
            location = self.literal(f"{self._raw}/{table}")
            self.execute(f"create table logentic_raw.{table} using {kind}{options} location {location}")

    def raw_columns(self, table: str) -> dict[str, str]:
        names = self._session.sql(f"select * from logentic_raw.{table} limit 0").columns
        return {name.lower(): "`" + name.replace("`", "``") + "`" for name in names}

    def relations(self) -> dict[str, bool]:
        """Return none, because the schemas are dropped before each build."""
        return {}

    def make_empty(self, relation: str, columns: Mapping[str, str]) -> None:
        """Create a view, because an empty table would leave a folder."""
        listed = ", ".join(f"cast(null as {TYPES.get(kind, kind)}) as {name}" for name, kind in columns.items())
        self.make_view(relation, f"select {listed} where false")
        self._empty.add(relation)

    def make_table(self, relation: str, sql: str, *, is_step: bool = False) -> int | None:
        if relation in self._empty:
            self._empty.remove(relation)
            self.execute(f"drop view {relation}")
        location = self.literal(self._location(relation))
        return self.execute(f"create table {relation} using parquet location {location} as\n{sql}")

    def make_view(self, relation: str, sql: str) -> None:
        self.execute(f"create or replace view {relation} as\n{sql}")

    def replace_rows(self, relation: str, sql: str, condition: str) -> int | None:
        raise AssertionError("Sail knows no partitions to overwrite: its plan makes every table anew")

    def remove_all_but(self, kept: Set[str]) -> None:
        return

    def _location(self, relation: str) -> str:
        schema, _, name = relation.partition(".")
        return f"{self._built}/{name}" if schema == MARTS else f"{self._built}/_steps/{name}"
