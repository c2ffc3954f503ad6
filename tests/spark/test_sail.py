"""One account on Sail: all published tables are DuckDB's, row for row, decimals to the last digit."""

from pathlib import Path

from engines import MAY_BE_EMPTY, built_account, differences, duckdb_marts, sail_marts


def test_every_published_table_is_that_of_duckdb(tmp_path: Path) -> None:
    database, variables = built_account(tmp_path)
    expected = duckdb_marts(database)
    assert {mart for mart, rows in expected.items() if not rows} <= MAY_BE_EMPTY
    found = sail_marts(database, variables, tmp_path)
    assert differences(expected, found) == {}
