"""A published table, as a stream of Arrow batches with its comments."""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from logentic.reports.published_file import read_records

SCHEMA = "logentic_marts"
BATCH_ROWS = 100_000
TABLES = """
select table_name as name, coalesce(comment, '') as comment from duckdb_tables()
where database_name = current_database() and schema_name = $schema
order by table_name
"""
COMMENTS = """
select column_name as name, comment from duckdb_columns()
where database_name = current_database() and schema_name = $schema and table_name = $table and comment is not null
"""


@dataclass(frozen=True)
class Mart:
    """`column_comments` has the columns that have one."""

    connection: duckdb.DuckDBPyConnection
    name: str
    comment: str
    column_comments: dict[str, str]

    def reader(self, comment_key: str) -> pa.RecordBatchReader:
        """Return the rows; the comment of each column is in its field's metadata, under `comment_key`."""
        found = self.connection.sql(f'from {SCHEMA}."{self.name}"').to_arrow_reader(BATCH_ROWS)
        schema = pa.schema(
            [
                field.with_metadata({comment_key: self.column_comments[field.name]})
                if field.name in self.column_comments
                else field
                for field in found.schema
            ]
        )
        batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in found)
        return pa.RecordBatchReader.from_batches(schema, batches)


def read_marts(connection: duckdb.DuckDBPyConnection) -> list[Mart]:
    return [
        Mart(
            connection,
            table["name"],
            table["comment"],
            {
                column["name"]: column["comment"]
                for column in read_records(connection, COMMENTS, {"schema": SCHEMA, "table": table["name"]})
            },
        )
        for table in read_records(connection, TABLES, {"schema": SCHEMA})
    ]
