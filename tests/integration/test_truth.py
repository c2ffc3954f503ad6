"""The main job, end to end, beside the account's own truth."""

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest
from truth_tables import differences

from logentic.destinations.duckdb import DuckdbDestination
from logentic.errors import BuildError
from logentic.job import JobOptions, run_job
from logentic.privacy.pseudonyms import pseudonym_key
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State
from logentic.transform.build import build

TODAY = date(2026, 3, 17)
SHAPES = {
    "a small account in UTC": {"seed": 11, "scale": 0.3, "days": 75},
    "a warehouse in Montreal": {"seed": 12, "scale": 0.2, "days": 70, "timezone": "America/Toronto"},
    "storage billed for the account as a whole": {"seed": 13, "scale": 0.2, "days": 100, "storage_charges": "account"},
    "an account of four days": {"seed": 14, "scale": 0.5, "days": 4},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_published_table_equals_what_happened(shape: dict, tmp_path: Path) -> None:
    account = Account(today=TODAY, **shape)
    with Sandbox(account) as sandbox:
        settings = settings_of(sandbox, timezone=account.timezone)
        run_job(settings, tmp_path / "logentic.duckdb", JobOptions())
        assert differences(tmp_path / "logentic.duckdb", account, sandbox.clock.now()) == {}
        assert sandbox.writes == 0


WRITTEN = ("manifest", "run_results")


def test_a_build_leaves_what_lineage_tools_read(published: tuple[Path, Sandbox]) -> None:
    file, _ = published
    manifest, results = (
        json.loads((State(file).dbt / f"{name}.json").read_text()) for name in ("manifest", "run_results")
    )
    rows = {result["unique_id"]: result["adapter_response"].get("rows_affected") for result in results["results"]}
    assert rows.keys() <= manifest["nodes"].keys()
    assert {result["status"] for result in results["results"]} == {"success", "pass"}
    assert manifest["parent_map"]["model.logentic.stg_order_lines"] == [
        "source.logentic.raw.orders__stored_items",
        "model.logentic.stg_orders",
    ]
    with duckdb.connect(str(file), read_only=True) as database:
        assert database.execute("select count(*) from orders").fetchone() == (rows["model.logentic.orders"],)


def test_the_comparison_would_notice_a_single_wrong_cell(published: tuple[Path, Sandbox], tmp_path: Path) -> None:
    file, sandbox = published
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(file.read_bytes())
    with duckdb.connect(str(copy)) as tampered:
        tampered.execute(
            "update logentic_marts.order_lines set quantity = quantity + 1 where order_id ="
            " (select min(order_id) from logentic_marts.order_lines) and line_number = 1"
        )
    assert list(differences(copy, sandbox.account, sandbox.clock.now())) == ["order_lines"]


TAMPERED = {
    "a closing": "update logentic_marts.stock_ledger_daily set closing = closing + 1",
    "an opening": "update logentic_marts.stock_ledger_daily set opening = opening - 1",
    "units received": "update logentic_marts.stock_ledger_daily set received = received + 1, closing = closing + 1",
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_ledger_row_is_found_by_the_checks(
    published: tuple[Path, Sandbox], tmp_path: Path, change: str
) -> None:
    """One row is changed after the build; the checks alone are run again."""
    file, sandbox = published
    state = State(tmp_path / "logentic.duckdb")
    state.file.write_bytes(file.read_bytes())
    state.prepare()
    settings = settings_of(sandbox)
    DuckdbDestination(settings, state).open(pseudonym_key(settings, State(file).folder), accept_new_key=False)
    build(settings, state, only_checks=True)
    with duckdb.connect(str(state.work)) as work:
        one_row = "(select rowid from logentic_marts.stock_ledger_daily order by item_id, date limit 1 offset 37)"
        work.execute(f"{change} where rowid = {one_row}")
    with pytest.raises(BuildError, match="stock_ledger"):
        build(settings, state, only_checks=True)


def test_a_build_without_enough_memory_names_the_setting_and_publishes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "logentic.duckdb"
    with Sandbox(Account(seed=16, scale=0.3, days=40, today=TODAY)) as sandbox:
        settings = settings_of(sandbox)
        with pytest.raises(BuildError, match=r"Out of Memory[^\n]+") as failure:
            run_job(settings.model_copy(update={"duckdb_memory": "8MB"}), file, JobOptions())
        assert "LOGENTIC_DUCKDB_MEMORY to more than 8MB" in failure.value.guidance
        assert not file.exists()
        run_job(settings, file, JobOptions())
    assert file.exists()


def test_a_build_that_fails_its_checks_is_not_published(tmp_path: Path) -> None:
    """An order without an id is put into raw behind the product's back."""
    account = Account(seed=16, scale=0.1, days=20, today=TODAY)
    file = tmp_path / "logentic.duckdb"
    with Sandbox(account) as sandbox:
        settings = settings_of(sandbox)
        run_job(settings, file, JobOptions())
        before = file.read_bytes()
        with duckdb.connect(str(State(file).work)) as work:
            work.execute(
                "insert into logentic_raw.orders select * replace (null as id) from logentic_raw.orders limit 1"
            )
        State(file).forget_note("built")
        with pytest.raises(BuildError, match="checks failed"):
            run_job(settings, file, JobOptions())
    assert file.read_bytes() == before


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sandbox]:
    """A small account's published file, to be copied, never changed."""
    file = tmp_path_factory.mktemp("published") / "logentic.duckdb"
    with Sandbox(Account(seed=15, scale=0.2, days=40, today=TODAY)) as sandbox:
        run_job(settings_of(sandbox), file, JobOptions())
    return file, sandbox


def settings_of(sandbox: Sandbox, **more: object) -> Settings:
    return Settings(base_url=sandbox.url, api_token=sandbox.token, **more)
