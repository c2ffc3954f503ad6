"""One account on every engine: all published tables are equal, row for row, decimals to the last digit."""

import json
from datetime import date
from pathlib import Path

import pytest
from engines import duckdb_marts, postgres_marts, sail_marts

from logentic.job import Options, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State
from logentic.transform import model_settings

# On two months of the account, or without journals, there is nothing in these.
MAY_BE_EMPTY = {"exception_status", "findings", "order_events", "restatements", "stock_ledger_breaks"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The working database of a run, and what the models know of its settings."""
    file = tmp_path_factory.mktemp("account") / "logentic.duckdb"
    account = Account(seed=31, scale=0.3, days=120, today=date(2026, 3, 17), timezone="America/Toronto")
    with Sandbox(account) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, timezone=account.timezone)
        run_job(settings, file, Options())
    return State(file).work, json.dumps(model_settings(settings))


@pytest.mark.parametrize("engine", ["postgres", "sail"])
def test_every_published_table_is_that_of_duckdb(
    engine: str, account: tuple[Path, str], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    database, variables = account
    expected = duckdb_marts(database)
    assert {mart for mart, rows in expected.items() if not rows} <= MAY_BE_EMPTY
    if engine == "postgres":
        found = postgres_marts(database, variables, tmp_path, request.getfixturevalue("postgres"))
    else:
        found = sail_marts(database, variables, tmp_path)
    different = {mart: [expected[mart] - found[mart], found[mart] - expected[mart]] for mart in expected}
    assert {mart: rows for mart, rows in different.items() if any(rows)} == {}
