"""Run an untrusted query: one SELECT, on the tables of FILE alone, within limits of rows and time.

DuckDB refuses to write, to open another file and to change a setting. A SELECT can do more than read tables only
through table functions, such as `enable_logging()` or `query()`: only those listed here are allowed.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import duckdb

from logentic.errors import UsageError, first_line, is_out_of_memory
from logentic.reports.published_file import open_published

TABLE_FUNCTIONS = frozenset(
    {
        *("range", "generate_series", "unnest", "repeat", "json_each", "json_tree"),
        *("duckdb_tables", "duckdb_columns", "duckdb_views", "duckdb_functions"),
    }
)
LIMITS = {
    "enable_external_access": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # variables of this process are not tables
    "temp_directory": "",  # never spill to disk
    "memory_limit": "1GB",
}
RESULT_CHARACTERS = 200_000  # as much as an assistant can read
ADVICE = "Write one SELECT of the tables that list_tables names."


@contextmanager
def open_guarded(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open FILE so that no statement can write, reach another file or change a setting."""
    with open_published(file, LIMITS) as connection:
        connection.execute("set lock_configuration = true")
        yield connection


def run_query(connection: duckdb.DuckDBPyConnection, sql: str, max_rows: int, seconds: float) -> dict[str, Any]:
    """Return the columns and the first rows of a query; raise a one-line `UsageError` if it cannot be run."""
    stop = Timer(seconds, connection.interrupt)
    stop.start()
    try:
        _require_select(connection, sql)
        found = connection.execute(sql)
        columns = [{"name": column[0], "type": str(column[1])} for column in found.description or ()]
        rows, is_complete = _read_rows(found, max_rows)
    except duckdb.InterruptException:
        raise UsageError(
            f"the query took longer than {seconds:g} s and was stopped",
            "Ask for fewer days, or for sums instead of rows.",
        ) from None
    except duckdb.Error as error:
        advice = "Ask for fewer days, or for sums instead of rows." if is_out_of_memory(error) else ADVICE
        raise UsageError(first_line(error).rstrip(".!"), advice) from None
    finally:
        stop.cancel()
    left_out = {} if is_complete else {"note": f"Only the first {len(rows):,} rows: ask for sums, or narrow it down."}
    return {"columns": columns, "rows": rows, "is_complete": is_complete, **left_out}


def _require_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise UsageError(f"a query is one statement, and this is {len(statements)}", ADVICE)
    if statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError(f"a query only reads, and this is {statements[0].type.name}", ADVICE)
    row = connection.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
    parsed = json.loads(row[0]) if row else {"error": True}
    if parsed["error"]:
        raise UsageError(f"the query cannot be read: {parsed.get('error_message', 'no message')}", ADVICE)
    if refused := sorted(set(_table_functions(parsed)) - TABLE_FUNCTIONS):
        raise UsageError(f"{refused[0]}() is not allowed in a query", ADVICE)


def _table_functions(node: Any) -> Iterator[str]:
    """Yield the names of the functions that the query reads as tables."""
    if isinstance(node, list):
        for each in node:
            yield from _table_functions(each)
    elif isinstance(node, dict):
        if node.get("type") == "TABLE_FUNCTION":
            yield node["function"]["function_name"].lower()
        for each in node.values():
            yield from _table_functions(each)


def _read_rows(found: duckdb.DuckDBPyConnection, max_rows: int) -> tuple[list[list[Any]], bool]:
    """Return the first rows, up to the limits of rows and characters, and whether they are complete."""
    rows: list[list[Any]] = []
    characters = 0
    while row := found.fetchone():
        characters += sum(len(str(value)) for value in row)
        if len(rows) == max_rows or (rows and characters > RESULT_CHARACTERS):
            return rows, False
        rows.append([value if len(str(value)) <= RESULT_CHARACTERS else f"{str(value)[:1000]}…" for value in row])
    return rows, True
