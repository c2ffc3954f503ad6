"""One account on PostgreSQL: all published tables are DuckDB's, row for row. tests/spark has the same on Sail."""

from pathlib import Path

from engines import MAY_BE_EMPTY, built_account, differences, duckdb_marts, postgres_marts


def test_every_published_table_is_that_of_duckdb(postgres: str, tmp_path: Path) -> None:
    database, variables = built_account(tmp_path)
    expected = duckdb_marts(database)
    assert {mart for mart, rows in expected.items() if not rows} <= MAY_BE_EMPTY
    found = postgres_marts(database, variables, tmp_path, postgres)
    assert differences(expected, found) == {}
