"""A build leaves the models as they are whose inputs did not change, and ends as a build of everything does."""

from dataclasses import replace
from pathlib import Path

import pytest
from raw_account import RawAccount

from logentic.destinations.duckdb import DuckdbEngine
from logentic.errors import BuildError
from logentic.settings import Settings
from logentic.transform.build import model_settings
from logentic.transform.plan import Node, load_plan
from logentic.transform.runner import Runner

# They read what the last build left, or when it was.
ALWAYS_RUN = {"news_days", "int_previous_exceptions", "int_stock_changes", "int_stock_end_of_day"}


@pytest.fixture
def account(tmp_path: Path) -> RawAccount:
    raw = RawAccount(tmp_path / "account.duckdb")
    raw.add("orders", id=1, status="PENDING", created_at="2026-03-01 12:00:00+00")
    raw.add("items", id=7, name="Cup")
    raw.add("payment_items", id=11, type="picking", amount=2, order_id=1, start="2026-03-01")
    return raw


def build(account: RawAccount, *nodes: Node, settings: Settings | None = None, keep_steps: bool = False) -> Runner:
    plan = load_plan("duckdb")
    with account.connect() as connection:
        engine = DuckdbEngine(connection, "", keep_steps=keep_steps)
        runner = Runner(replace(plan, nodes=(*plan.nodes, *nodes)), engine, model_settings(settings or Settings()))
        runner.build()
    return runner


def run(runner: Runner) -> set[str]:
    """The models that a build ran."""
    return {each.node.name for each in runner.results if each.status != "skipped" and each.node.kind != "check"}


def test_a_build_runs_what_reads_something_that_changed(account: RawAccount) -> None:
    everything = run(build(account))
    build(account)  # its days differ from those of the first build
    nothing_new = run(build(account))
    assert ALWAYS_RUN <= nothing_new < everything
    assert not {"orders", "charges", "learned_prices", "invoice_reconciliation"} & nothing_new
    account.add("items", id=7, name="Mug", _seen_at="2026-03-02 12:00:00+00")
    after_a_name = run(build(account))
    assert {"stg_items", "items"} <= after_a_name
    assert not {"charges", "learned_prices"} & after_a_name
    assert account.execute("select name from items") == [("Mug",)]
    account.add("payment_items", id=12, type="picking", amount=3, order_id=1, start="2026-03-02")
    assert {"charges", "learned_prices", "charge_prices"} <= run(build(account))


def test_a_model_that_gives_the_same_rows_ends_the_change(account: RawAccount) -> None:
    for _ in range(2):
        build(account)
    account.add("orders", id=1, status="PENDING", created_at="2026-03-01 12:00:00+00", external_name="A name")
    ran = run(build(account))
    assert {"stg_orders", "orders"} <= ran
    assert "fulfilment_daily" not in ran


def test_changed_settings_statements_and_missing_tables_run_their_models(account: RawAccount) -> None:
    for _ in range(2):
        build(account)
    assert "order_fulfilment" in run(build(account, settings=Settings(promised_hours=31)))
    own = Node("own", "table", "models/own.sql", "select 1 as one", relation='"logentic_marts"."own"')
    assert "own" in run(build(account, own))
    assert "own" not in run(build(account, own))
    assert "own" in run(build(account, replace(own, sql="select 2 as one")))
    account.execute("drop table logentic_marts.own")
    assert "own" in run(build(account, replace(own, sql="select 2 as one")))


def test_after_a_build_that_failed_everything_runs(account: RawAccount) -> None:
    everything = run(build(account))
    broken = Node("broken", "table", "models/broken.sql", "select nothing", relation='"logentic_marts"."broken"')
    with pytest.raises(BuildError):
        build(account, broken)
    assert run(build(account)) == everything


def test_a_warning_is_told_by_each_build(account: RawAccount) -> None:
    check = Node("few", "check", "models/few.sql", "select 1 as one", severity="warn", warn_if="!= 0", error_if="!= 0")
    for _ in range(3):
        runner = build(account, check)
        assert [result.message for result in runner.results if result.node is check] == [
            "models/few.sql: check few found 1 row: one 1"
        ]


def test_steps_that_are_to_be_kept_are_there_though_nothing_changed(account: RawAccount) -> None:
    for _ in range(2):
        build(account)
    steps = {node.name for node in load_plan("duckdb").nodes if node.kind == "step"}
    for _ in range(2):
        build(account, keep_steps=True)
        standing = account.execute("select table_name from duckdb_tables() where schema_name = 'logentic_build'")
        assert steps <= {name for (name,) in standing}
