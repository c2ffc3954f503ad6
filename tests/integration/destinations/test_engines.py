"""One account on PostgreSQL: all published tables are DuckDB's, row for row. tests/spark has the same on Sail."""

from collections.abc import Callable
from pathlib import Path

import pytest
from engines import (
    MAY_BE_EMPTY,
    Rows,
    built_account,
    differences,
    duckdb_marts,
    postgres_marts,
    postgres_marts_of_the_plan,
)


@pytest.mark.parametrize("build", [postgres_marts, postgres_marts_of_the_plan], ids=["by dbt", "by the plan"])
def test_every_published_table_is_that_of_duckdb(build: Callable[..., Rows], postgres: str, tmp_path: Path) -> None:
    database, variables = built_account(tmp_path)
    expected = duckdb_marts(database)
    assert {mart for mart, rows in expected.items() if not rows} <= MAY_BE_EMPTY
    found = build(database, variables, tmp_path, postgres)
    assert differences(expected, found) == {}
