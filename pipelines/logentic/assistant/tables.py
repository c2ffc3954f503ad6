"""List and describe the tables of FILE by the comments stored in it."""

from typing import Any

import duckdb

from logentic.errors import UsageError
from logentic.reports.published_file import read_records

SCHEMAS = ("logentic_marts", "logentic_staging", "logentic_raw")
TABLES = """
select tables.name as "table", tables.comment, count(*) as columns
from (
    select schema_name, table_name as name, comment from duckdb_tables()
    where database_name = current_database()
    union all
    select schema_name, view_name as name, comment from duckdb_views() where database_name = current_database()
) as tables
inner join duckdb_columns() as columns
    on tables.schema_name = columns.schema_name and tables.name = columns.table_name
where
    tables.schema_name = $schema and columns.database_name = current_database()
    and not starts_with(tables.name, '_')
group by all
order by 1
"""
COLUMNS = """
select column_name as "column", data_type as type, comment
from duckdb_columns()
where database_name = current_database() and schema_name = $schema and table_name = $table
order by column_index
"""


def list_tables(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, Any]:
    if schema not in SCHEMAS:
        raise UsageError(f"{schema!r} is not a schema of this file", f"Choose among: {', '.join(SCHEMAS)}.")
    return {"schema": schema, "tables": read_records(connection, TABLES, {"schema": schema})}


def describe_table(connection: duckdb.DuckDBPyConnection, table: str, schema: str) -> dict[str, Any]:
    known = {row["table"]: row for row in list_tables(connection, schema)["tables"]}
    if table not in known:
        raise UsageError(f"{schema} has no table {table!r}", f"Its tables: {', '.join(known) or 'none'}.")
    counted = read_records(connection, f'select count(*) as rows from {schema}."{table}"')
    columns = read_records(connection, COLUMNS, {"schema": schema, "table": table})
    return {
        "schema": schema,
        "table": table,
        "comment": known[table]["comment"],
        "rows": counted[0]["rows"],
        "columns": columns,
    }
