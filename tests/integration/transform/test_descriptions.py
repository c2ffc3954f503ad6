"""Every table and column of the published file carries its description, as `COMMENT ON` writes it."""

from collections.abc import Iterator
from datetime import date

import duckdb
import pytest
import yaml

from logentic import project_folder
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Readings, Sandbox
from logentic.settings import Settings

RELATIONS = """
select schema_name, table_name, comment from duckdb_tables()
union all
select schema_name, view_name, comment from duckdb_views() where not internal
"""
COLUMNS = "select schema_name, table_name, column_name, comment from duckdb_columns() where not internal"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    file = tmp_path_factory.mktemp("described") / "db"
    account = Account(seed=34, scale=0.2, days=20, today=date(2026, 11, 2))
    with Sandbox(account, readings=Readings(extra_fields=True)) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, earliest_date=account.first_day)
        run_job(settings, file, JobOptions())
    with duckdb.connect(str(file), read_only=True) as reader:
        yield reader


def test_nothing_in_the_file_lacks_a_description(published: duckdb.DuckDBPyConnection) -> None:
    relations, columns = published.execute(RELATIONS).fetchall(), published.execute(COLUMNS).fetchall()
    assert len(relations) > 80
    assert len(columns) > 1000
    assert [found for found in [*relations, *columns] if not found[-1]] == []


def test_models_are_described_as_their_yml_says(published: duckdb.DuckDBPyConnection) -> None:
    written = {}
    for file in (project_folder() / "models").rglob("*.yml"):
        for model in yaml.safe_load(file.read_text("utf-8")).get("models", []):
            written[model["name"], None] = model["description"].strip()
            written |= {(model["name"], c["name"]): c["description"].strip() for c in model.get("columns", [])}
    relations = published.execute(
        f"select table_name, null, comment from ({RELATIONS}) where schema_name <> 'logentic_raw'"
    ).fetchall()
    columns = published.execute(
        f"select table_name, column_name, comment from ({COLUMNS} and schema_name <> 'logentic_raw')"
    )
    found = [
        (name, column, text) for name, column, text in [*relations, *columns.fetchall()] if (name, None) in written
    ]
    assert {name for name, _, _ in found} >= {"orders", "stg_orders", "accrual"}
    assert [(name, column) for name, column, text in found if written.get((name, column)) != text] == []


def test_a_field_that_the_reference_does_not_name_is_described_as_one(published: duckdb.DuckDBPyConnection) -> None:
    (found,) = published.execute(
        "select list(column_name) from duckdb_columns() where schema_name = 'logentic_raw' and table_name = 'orders'"
        " and comment like 'A field that the API reference does not name%'"
    ).fetchall()
    assert found[0]
