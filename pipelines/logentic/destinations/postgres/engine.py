"""Run the plan of the models on PostgreSQL."""

from collections.abc import Iterator, Set
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import Any

import pyarrow as pa
from pyarrow import csv

from logentic.destinations.base import Engine
from logentic.destinations.postgres.connection import is_connection_loss

RELATIONS = """
select nspname, relname, relkind = 'v' from pg_class
inner join pg_namespace as n on relnamespace = n.oid
where relkind in ('r', 'v') and nspname like 'logentic\\_work\\_%'
"""


class PostgresEngine(Engine):
    """Steps are temporary tables. `connection` is in autocommit mode and in UTC."""

    def __init__(self, connection: Any, *, keep_steps: bool) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self.steps = None if keep_steps else "pg_temp"
        self.memory_advice = "raise work_mem on the server."

    def is_error(self, error: BaseException) -> bool:
        return type(error).__module__.startswith("psycopg2") and not is_connection_loss(error)

    def execute(self, sql: str) -> int | None:
        self._cursor.execute(sql)
        return self._cursor.rowcount if self._cursor.rowcount >= 0 else None

    def named_rows(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        self._cursor.execute(sql)
        return [column.name for column in self._cursor.description], self._cursor.fetchall()

    def read_arrow(self, sql: str) -> pa.Table:
        self._cursor.execute(f"select * from (\n{sql}\n) as typed limit 0")
        types = {column.name: _arrow_type(column) for column in self._cursor.description}
        with TemporaryFile() as file:
            self._cursor.copy_expert(f"copy (\n{sql}\n) to stdout (format csv, header, encoding 'utf-8')", file)
            file.seek(0)
            return csv.read_csv(
                file,
                convert_options=csv.ConvertOptions(
                    column_types=types,
                    null_values=[""],
                    true_values=["t"],
                    false_values=["f"],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
                parse_options=csv.ParseOptions(newlines_in_values=True),
            )

    def write_arrow(self, relation: str, rows: pa.Table) -> None:
        names = ", ".join(f'"{name}"' for name in rows.column_names)
        with TemporaryFile() as file:
            # Only nulls are not quoted. Write one chunk: for an empty chunk the writer repeats its last output.
            csv.write_csv(
                rows.combine_chunks(), file, csv.WriteOptions(include_header=False, quoting_style="all_valid")
            )
            file.seek(0)
            self._cursor.copy_expert(f"copy {relation} ({names}) from stdin (format csv, null '')", file)

    def raw_columns(self, table: str) -> dict[str, str]:
        found = self.rows(
            "select attname from pg_attribute where attnum > 0 and not attisdropped"
            f" and attrelid = to_regclass('logentic_raw.{table}')"
        )
        return {name.lower(): '"' + name.replace('"', '""') + '"' for (name,) in found}

    def relations(self) -> dict[str, bool]:
        return {f'"{schema}"."{name}"': is_view for schema, name, is_view in self.rows(RELATIONS)}

    def make_table(self, relation: str, sql: str, *, is_step: bool = False) -> int | None:
        if is_step and self.steps:
            return self.execute(f"create temporary table {relation} as\n{sql}")
        with self._transaction():
            self._drop(relation)
            return self.execute(f"create table {relation} as\n{sql}")

    def make_view(self, relation: str, sql: str) -> None:
        with self._transaction():
            self._drop(relation)
            self.execute(f"create view {relation} as\n{sql}")

    def replace_rows(self, relation: str, sql: str, condition: str) -> int | None:
        names, _ = self.named_rows(f"select * from {relation} limit 0")
        listed = ", ".join(f'"{name}"' for name in names)
        with self._transaction():
            # Drop them only afterwards: the query may read the table.
            self.execute(f"create temporary table new_rows on commit drop as\n{sql}")
            self.execute(f"delete from {relation} where {condition}")
            return self.execute(f"insert into {relation} ({listed}) select {listed} from new_rows")

    def finish_table(self, relation: str) -> None:
        """Gather statistics: the planner needs them, and the server would gather them too late."""
        self.execute(f"analyze {relation}")

    def remove_all_but(self, kept: Set[str]) -> None:
        for relation in self.relations():
            if relation.startswith('"logentic_work_build".') and relation not in kept:
                self._drop(relation)

    def _drop(self, relation: str) -> None:
        """Drop a relation with the views that read it; later nodes create them again."""
        is_view = self.relations().get(relation)
        if is_view is not None:
            self.execute(f"drop {'view' if is_view else 'table'} {relation} cascade")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.execute("begin")
        try:
            yield
            self.execute("commit")
        except BaseException:
            if not self._connection.closed:
                self.execute("rollback")
            raise


def _arrow_type(column: Any) -> pa.DataType:
    """Return the Arrow type of a result's column, given the server's type number."""
    if column.type_code == 1700:
        return pa.decimal128(38, column.scale)
    return {16: pa.bool_(), 20: pa.int64(), 23: pa.int32(), 1082: pa.date32()}.get(column.type_code, pa.string())
