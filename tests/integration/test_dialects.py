"""The models in the words of warehouses that nobody runs here: parsed, all that can be shown without an account.

Compiled by dbt for DuckDB. What Snowflake or BigQuery would not parse as it stands is transpiled by sqlglot first, as
docs/warehouses.md says.
"""

import logging

import pytest
import sqlglot
from raw_account import RawAccount
from sqlglot import exp
from sqlglot.errors import ParseError

from benchmarks.full_build import statements
from logentic.settings import Settings
from logentic.transform.build import model_settings

TRANSPILED = ("snowflake", "bigquery")
DIALECTS = ("duckdb", "databricks", *TRANSPILED)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every table and view with all that it is made of; with a zone, so that times are cut in it."""
    folder = tmp_path_factory.mktemp("compiled")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LOGENTIC_DB", "")
        settings = model_settings(Settings(api_token="none", timezone="America/Toronto"))
        found = statements(RawAccount(folder / "work.duckdb").path, folder, settings)
    return [statement for statement in found if not statement.startswith("create schema")]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_model_parses(dialect: str, compiled: list[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "sqlglot")
    for statement in compiled:
        try:
            tree = sqlglot.parse_one(statement, dialect=dialect)
        except ParseError:
            assert dialect in TRANSPILED
            (transpiled,) = sqlglot.transpile(statement, read="duckdb", write=dialect)
            tree = sqlglot.parse_one(transpiled, dialect=dialect)
        assert not list(tree.find_all(exp.Command)), "taken as text, not parsed"
