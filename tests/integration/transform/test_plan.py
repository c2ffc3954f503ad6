"""The plan beside dbt: equal tables, whatever happened; a stale plan; what a failed check says; a Python step."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from raw_account import RawAccount
from test_increments import DAYS, Merchant, merchant, moment  # noqa: F401  (a fixture)

from logentic.destinations.duckdb import DuckdbEngine
from logentic.errors import BuildError, UsageError
from logentic.settings import Settings
from logentic.transform import compile as compiling
from logentic.transform import plan as plans
from logentic.transform.build import build, model_settings
from logentic.transform.plan import Node, load_plan, plan_file
from logentic.transform.runner import Runner, StepContext

PROJECT = Path(__file__).parents[3]
SETTINGS = Settings(api_token="none", timezone="America/Toronto")
CONTRACT = [{"rate": "0.0123", "valid_from": "2026-01-09"}]
OTHERS = {"storage_basis": "month_end", "currency": "KWD", "dispute_days": 30, "storage_rates": CONTRACT}
CARD = [{"charge_type": "storage", "per": "quantity", "per_unit": "0.5", "zone": "ON"}]


def next_day(merchant: Merchant) -> None:  # noqa: F811
    merchant.next_load(DAYS + 1)
    merchant.day(DAYS + 1)


def changed_history(merchant: Merchant) -> None:  # noqa: F811
    merchant.next_load(DAYS + 2)
    merchant.close(1, DAYS - 3, supply=77)
    merchant.close(2, DAYS - 9, _is_removed=True)
    merchant.change(3, moment(DAYS - 20, 12))


def test_dbt_and_the_plan_build_the_same_tables(merchant: Merchant, tmp_path: Path) -> None:  # noqa: F811
    """In full, after one new day, after changed history, after changed settings; each way in a file of its own."""
    by_dbt = tmp_path / "dbt.duckdb"
    merchant.raw.copy(by_dbt)
    others = Settings.model_validate(SETTINGS.model_dump(exclude_unset=True) | OTHERS | {"charge_rates": CARD})
    worlds: list[tuple[Callable[[Merchant], None], Settings]] = [
        (lambda merchant: None, SETTINGS),
        (next_day, SETTINGS),
        (changed_history, SETTINGS),
        (lambda merchant: None, others),
    ]
    for number, (happen, settings) in enumerate(worlds):
        happen(merchant)
        take_raw(merchant.raw, by_dbt)
        build(settings, merchant.state, full_refresh=not number)
        take_prices(merchant.state.work, by_dbt)
        run_dbt(by_dbt, tmp_path / "target", settings, full=not number)
        assert different_tables(by_dbt, merchant.state.work) == {}, number
        (begun,) = merchant.raw.execute("select stock_from > date '2020-01-01' from logentic_build.rebuilt_days")
        assert begun == (number in (1, 2),), number


def take_raw(raw: RawAccount, file: Path) -> None:
    with duckdb.connect(str(file)) as other:
        other.execute(f"attach '{raw.path}' as grown (read_only)")
        tables = "select table_name from duckdb_tables() where database_name = 'grown' and schema_name = 'logentic_raw'"
        for (table,) in other.execute(tables).fetchall():
            other.execute(f"create or replace table logentic_raw.{table} as from grown.logentic_raw.{table}")


def take_prices(built: Path, file: Path) -> None:
    """Take what the Python steps wrote, which dbt leaves as it stands."""
    with duckdb.connect(str(file)) as other:
        other.execute(f"create schema if not exists logentic_marts; attach '{built}' as built (read_only)")
        for table in ("learned_prices", "charge_prices"):
            other.execute(f"create or replace table logentic_marts.{table} as from built.logentic_marts.{table}")


def run_dbt(file: Path, target: Path, settings: Settings, *, full: bool) -> None:
    """As by hand, in a process of its own: dbt keeps a file open."""
    places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)]
    command = ["build", "--exclude-resource-type", "unit_test", *places, "--log-path", str(target)]
    command += ["--vars", json.dumps(model_settings(settings)), *(["--full-refresh"] if full else [])]
    environment = {"LOGENTIC_DBT_DB": str(file), "LOGENTIC_MEMORY_LIMIT": "500MB", "PATH": "/usr/bin:/bin"}
    program = str(Path(sys.executable).with_name("dbt"))
    done = subprocess.run(
        [program, "--quiet", *command], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def different_tables(one: Path, other: Path) -> dict[str, list[tuple[Any, ...]]]:
    """{table: rows that only one has} of all marts, and of the tables behind them that both keep."""
    found = {}
    with duckdb.connect() as reader:
        reader.execute(f"attach '{one}' as one (read_only); attach '{other}' as other (read_only)")
        kept = (
            "select '\"' || table_schema || '\".' || table_name from information_schema.tables"
            " where table_catalog = '{}' and table_schema in ('logentic_marts', 'logentic_build')"
        )
        tables = {name for (name,) in reader.execute(kept.format("other")).fetchall()}
        tables -= {'"logentic_build".built_nodes'}  # what the runner notes
        assert tables <= {name for (name,) in reader.execute(kept.format("one")).fetchall()}
        assert len(tables) > 30
        for table in tables - {'"logentic_build".build_inputs', '"logentic_build".built_inputs'}:
            rows = [
                row
                for left, right in (("one", "other"), ("other", "one"))
                for row in reader.execute(f"from {left}.{table} except all from {right}.{table} limit 3").fetchall()
            ]
            if rows:
                found[table] = rows
    return found


@pytest.fixture
def account(tmp_path: Path) -> RawAccount:
    raw = RawAccount(tmp_path / "account.duckdb")
    raw.add("orders", id=1, status="PENDING")
    return raw


def runner_of(connection: duckdb.DuckDBPyConnection, *nodes: Node) -> Runner:
    plan = load_plan("duckdb")
    plan = replace(plan, nodes=(*plan.nodes, *nodes))
    return Runner(plan, DuckdbEngine(connection, "", keep_steps=False), model_settings(Settings()))


def test_a_failed_check_names_the_models_file_itself_and_three_of_its_rows(account: RawAccount) -> None:
    sql = 'select order_id, i from "logentic_marts"."orders", range(5) as r(i) order by i'
    check = Node("no_orders", "check", "models/marts/orders.sql", sql, severity="error", warn_if="!= 0", error_if="> 4")
    said = "check no_orders found 5 rows: order_id 1, i 0; order_id 1, i 1; order_id 1, i 2"
    with account.connect() as connection:
        with pytest.raises(BuildError, match=f"failed: models/marts/orders.sql: {said}$"):
            runner_of(connection, check).build()
        runner = runner_of(connection, replace(check, error_if="> 5"))
        runner.build()
    assert [result.message for result in runner.results if result.status == "warn"] == [
        f"models/marts/orders.sql: {said}"
    ]


def test_a_statement_that_fails_names_the_models_file(account: RawAccount) -> None:
    broken = Node("broken", "table", "models/marts/broken.sql", "select nothing", relation='"logentic_marts"."broken"')
    with account.connect() as connection, pytest.raises(BuildError, match=r"models/marts/broken.sql: table broken: B"):
        runner_of(connection, broken).build()


def fill(context: StepContext) -> int:
    """A Python step, as the plan names one."""
    context.engine.execute(f"insert into {context.table} select order_id, 7 from {context.reads['orders']}")
    return 1


def test_a_python_step_fills_its_table_from_those_that_it_reads(account: RawAccount) -> None:
    relation = '"logentic_build"."sevens"'
    columns = "select cast(null as bigint) as order_id, cast(null as integer) as seven where false"
    step = Node("sevens", "python", "models/sevens.sql", columns, ("orders",), relation, function=f"{__name__}:fill")
    with account.connect() as connection:
        runner = runner_of(connection, step)
        runner.build()
    assert account.execute(f"select * from {relation}") == [(1, 7)]
    assert (runner.results[-1].status, runner.results[-1].rows) == ("success", 1)


def test_steps_are_dropped_unless_they_are_to_be_kept(account: RawAccount, tmp_path: Path) -> None:
    asked = "select count(*) from duckdb_tables() where table_name = 'int_charge_facts'"
    for keep, kept in ((False, 0), (True, 1), (False, 0)):
        with account.connect() as connection:
            engine = DuckdbEngine(connection, "", keep_steps=keep)
            Runner(load_plan("duckdb"), engine, model_settings(Settings())).build()
        assert account.execute(asked) == [(kept,)]


def test_the_plans_are_of_these_models() -> None:
    for engine in compiling.ENGINES:
        assert plans.plan_of(plan_file(engine).read_text("utf-8")).sources == plans.sources_version(), "run `make plan`"


def test_no_path_through_the_models_has_more_than_15() -> None:
    ranks: dict[str, int] = {}
    for node in load_plan("duckdb").nodes:
        if node.kind != "check":
            ranks[node.name] = 1 + max((ranks.get(name, 0) for name in node.reads), default=0)
    assert max(ranks.values()) <= 15, max(ranks, key=lambda name: ranks[name])


def test_intermediate_models_are_foldered_by_subject_and_their_keys_are_tested() -> None:
    nodes = load_plan("duckdb").nodes
    files = {node.name: node.file for node in nodes if node.kind != "check" and "/intermediate/" in node.file}
    keys = {node.file for node in nodes if node.name.startswith("unique_key_")}
    folder = r"models/intermediate/(orders|inventory|storage|billing|reconciliation|month_end)/int_\w+\.sql"
    assert [file for file in files.values() if not re.fullmatch(folder, file) or file not in keys] == []


def test_compiling_again_gives_the_same_bytes() -> None:
    assert compiling.compiled("duckdb") == plan_file("duckdb").read_text("utf-8")


def test_changed_models_are_compiled_or_one_line_says_why_not(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    file = tmp_path / "duckdb.json"
    current = plan_file("duckdb").read_text("utf-8")
    file.write_text(current.replace(plans.sources_version(), "of another"))
    monkeypatch.setattr(plans, "plan_file", lambda engine: file)
    monkeypatch.setattr(compiling, "plan_file", lambda engine: file)
    with monkeypatch.context() as without:
        without.setattr(compiling, "find_spec", lambda name: None)
        with pytest.raises(UsageError, match="the models were changed and dbt, which compiles them, is not installed"):
            load_plan("duckdb")
    monkeypatch.setattr(compiling, "compiled", lambda engine: current)
    assert load_plan("duckdb") == plans.plan_of(current)
    assert "the models were changed: compiling them for duckdb" in caplog.text
    assert file.read_text() == current


def test_nothing_of_dbt_is_imported_by_a_build(account: RawAccount, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['dbt'] = None\n"
        "import duckdb; from logentic.destinations.duckdb import DuckdbEngine\n"
        "from logentic.settings import Settings; from logentic.transform.build import model_settings\n"
        "from logentic.transform.plan import load_plan; from logentic.transform.runner import Runner\n"
        f"with duckdb.connect({str(account.path)!r}) as connection:\n"
        "    engine = DuckdbEngine(connection, '', keep_steps=False)\n"
        "    Runner(load_plan('duckdb'), engine, model_settings(Settings())).build()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
