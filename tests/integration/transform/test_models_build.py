"""The models on a raw database, built by the plan: what builds, what a tampered table meets, what a reader opens."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from math import floor
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult
from raw_account import RawAccount

from logentic.destinations.duckdb import DuckdbEngine
from logentic.errors import BuildError
from logentic.settings import Settings
from logentic.transform.build import model_settings
from logentic.transform.plan import load_plan
from logentic.transform.runner import Runner

PROJECT = Path(__file__).parents[3]
Dbt = Callable[..., dbtRunnerResult]
DAYS = 12


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    """Runs a dbt command on a file; nothing is written beside it or into the project."""
    work = tmp_path_factory.mktemp("dbt")
    with pytest.MonkeyPatch.context() as environment:
        folders = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        folders += ["--target-path", str(work / "target"), "--log-path", str(work / "logs")]

        def run(file: Path, command: str, *options: str, **settings: Any) -> dbtRunnerResult:
            environment.setenv("LOGENTIC_DBT_DB", str(file))
            return dbtRunner().invoke(["--quiet", command, *options, *folders, "--vars", json.dumps(settings)])

        yield run


def runner_of(connection: duckdb.DuckDBPyConnection, **settings: Any) -> "ToTheEnd":
    connection.execute("set TimeZone = 'UTC'")
    engine = DuckdbEngine(connection, "", keep_steps=True)
    return ToTheEnd(load_plan("duckdb"), engine, model_settings(Settings()) | settings)


class ToTheEnd(Runner):
    """Goes on after a check that fails."""

    def _check(self, *args: Any) -> None:
        with suppress(BuildError):
            super()._check(*args)


def build(file: Path, **settings: Any) -> bool:
    """Build all tables by the plan, as the product does, but keep the steps; return whether all checks passed."""
    with duckdb.connect(str(file)) as connection:
        runner = runner_of(connection, **settings)
        runner.build(full_refresh=True)
    return {result.status for result in runner.results} == {"success", "pass"}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> RawAccount:
    """Two items, twelve days of random changes of stock, history of each day, orders and storage charges; built."""
    account = RawAccount(tmp_path_factory.mktemp("raw") / "account.duckdb", seen_at=f"2026-01-{DAYS + 1} 12:00:00+00")
    account.read("item_quantities", f"2026-01-{DAYS + 1} 12:00:00+00")
    random = Random(7)
    record = 0
    for item in (1, 2):
        account.add("items", id=item, external_name=f"A-{item}", width_in=10, depth_in=12, height_in=8.5)
        stock = {"supply": 50, "prepared": 2, "receiving": 0, "back_ordered": 0, "delivered": 7}
        for day in range(1, DAYS + 1):
            for hour in range(random.randint(0 if day > 1 else 1, 3)):
                record += 1
                for counter, units in stock.items():
                    stock[counter] = max(0, units + random.randint(-4, 4))
                account.add(
                    "item_quantities", id=record, item_id=item, updated_at=f"2026-01-{day} {hour}:00:00+00", **stock
                )
            history = {name: stock[name] for name in ("supply", "prepared", "receiving")}
            volume = stock["supply"] + stock["prepared"]
            account.add(
                "inventory_history", id=item, date=f"2026-01-{day}", total_volume=volume,
                total_storage_price=f"{volume * 13}e-3", **history,
            )  # fmt: skip
    period = {"start": "2026-01-02", "end": "2026-01-09", "billed_date": "2026-01-12"}
    account.add("payment_items", id=1, payment_id=9, type="storage", amount="17.23", item_id=1, **period)
    account.add("payment_items", id=2, payment_id=9, type="storage", amount="-101.99", **period)
    account.add("payment_items", id=3, payment_id=9, type="storage", amount="5", start="2025-01-01", end="2025-01-31")
    account.add("payment_items", id=4, payment_id=9, type="handling", amount="2.50", order_id=77)
    account.add("orders", id=76, status="PENDING")
    account.add("orders__stored_items", order_id=76, line_number=1, item_id=1, quantity=3)
    assert build(account.path)
    return account


def test_every_example_of_the_models_holds(dbt: Dbt, account: RawAccount, tmp_path: Path) -> None:
    assert dbt(account.copy(tmp_path / "account.duckdb"), "test", "--select", "test_type:unit").success


def test_rules_are_tried_in_the_order_of_their_table() -> None:
    """One expression says which rule holds first; the order in which it asks is that of `rules`."""
    models = PROJECT / "models"
    listed = re.findall(r"^    \('(\w+)', '", (models / "marts" / "rules.sql").read_text("utf-8"), re.M)
    asked = (models / "intermediate" / "reconciliation" / "int_charge_audit_results.sql").read_text("utf-8")
    holds = re.findall(r"^    '(\w+)': ", asked, re.M)
    assert holds == [rule for rule in listed if rule != "missing_charge"]  # it is for orders, not for charges


def test_nothing_that_is_parsed_depends_on_a_setting(dbt: Dbt, tmp_path: Path) -> None:
    """A build takes the parse of any other."""
    rates = [{"rate": "0.5", "valid_from": "2026-01-01", "valid_to": "None"}]
    others = {"timezone": "America/Toronto", "storage_basis": "peak", "storage_rates": rates}
    others |= {"models_version": "other", "minor_digits": 0}
    others |= {
        "earliest_date": "2020-01-01",
        "dispute_days": 5,
        "promised_hours": 5,
        "stuck_hours": 5,
        "payment_item_aliases": {"amount": ["total"]},
    }
    others |= {"charge_rates": [{"charge_type": "handling", "fixed": "1", "driver": "lines"}]}
    assert others.keys() == model_settings(Settings()).keys()
    one, other = (dbt(tmp_path / "account.duckdb", "parse", **settings).result for settings in ({}, others))
    for node, same in zip(one.nodes.values(), other.nodes.values(), strict=True):
        assert (node.unique_id, node.refs, node.sources) == (same.unique_id, same.refs, same.sources)
        assert (node.depends_on, node.config) == (same.depends_on, same.config)


def test_an_account_in_which_nothing_has_happened_builds(tmp_path: Path) -> None:
    empty = RawAccount(tmp_path / "account.duckdb")
    assert build(empty.path)
    assert empty.execute("select count(*) from orders") == [(0,)]


def test_the_tables_stay_readable_when_the_file_is_attached_under_another_name(
    account: RawAccount, tmp_path: Path
) -> None:
    moved = account.copy(tmp_path / "elsewhere.duckdb")
    with duckdb.connect() as reader:
        reader.execute(f"attach '{moved}' as year_2026 (read_only)")
        assert reader.execute("select count(*) from year_2026.orders").fetchone() == (1,)
        assert reader.execute("select count(*) from year_2026.logentic_staging.stg_order_lines").fetchone() == (1,)


def test_the_ledger_closes_with_what_the_counters_say(account: RawAccount) -> None:
    for item in (1, 2):
        rows = account.execute(
            f"select closing, unreconciled, is_observed from stock_ledger_daily where item_id = {item} order by date"
        )
        assert len(rows) == DAYS + 1, "the service's today is the day after the last record"
        assert all((unreconciled, is_observed) == (0, True) for _, unreconciled, is_observed in rows[:-1])
        assert rows[-1][1:] == (None, False)


def test_storage_charges_are_spread_to_the_cent(account: RawAccount) -> None:
    days = account.execute(
        "select item_id, date, price, allocated_charge from storage_cost_daily order by date, item_id"
    )
    expected = dict.fromkeys([(item, date) for item, date, _, _ in days], Fraction(0))
    for cents, sign, only in ((1723, 1, 1), (10199, -1, None)):
        covered = [row for row in days if 2 <= row[1].day <= 9 and only in (None, row[0])]
        whole = sum(Fraction(price) for _, _, price, _ in covered)
        shares = {(item, date): cents * Fraction(price) / whole for item, date, price, _ in covered}
        parts = {key: floor(share) for key, share in shares.items()}
        by_remainder = sorted(shares, key=lambda key: (parts[key] - shares[key], key[1], key[0]))
        for key in by_remainder[: cents - sum(parts.values())]:
            parts[key] += 1
        for key, part in parts.items():
            expected[key] += sign * Fraction(part, 100)
    assert {(item, date): Fraction(part) for item, date, _, part in days} == expected


def test_what_cannot_be_checked_says_why(account: RawAccount) -> None:
    rows = account.execute(
        "select charge_id, status, rule, reason, is_unallocated from invoice_reconciliation order by 1"
    )
    assert rows[1][1:4:2] == (
        "not_checked",
        "It is a credit, and no charge of its type, order or item, period and amount was found.",
    )
    assert rows[2][1:] == ("not_checked", None, "No storage price for 2025-01-01 to 2025-01-31.", True)
    assert rows[3][1:] == ("exception", "unknown_order", "The account has no order 77.", False)


@pytest.mark.parametrize(
    "tampering",
    [
        "update logentic_marts.stock_ledger_daily set closing = closing + 1 where item_id = 1 and date = '2026-01-05'",
        "update logentic_marts.stock_ledger_daily set opening = opening + 1, closing = closing + 1"
        " where item_id = 2 and date >= '2026-01-05'",
        "update logentic_marts.stock_ledger_daily set opening = opening + 1, closing = closing + 1 where item_id = 1",
        "update logentic_marts.stock_ledger_daily set received = received + 1, adjusted = adjusted - 1"
        " where item_id = 1 and date = '2026-01-05'",
        "update logentic_marts.stock_ledger_daily set unreconciled = 0, history_closing = closing"
        " where item_id = 1 and date = (select max(date) from logentic_marts.stock_ledger_daily)",
        "update logentic_marts.stock_ledger_daily set unreconciled = unreconciled - 1,"
        " history_closing = history_closing + 1 where item_id = 1 and date = '2026-01-05'",
        "delete from logentic_marts.stock_ledger_daily where item_id = 1 and date = '2026-01-05'",
        "delete from logentic_marts.stock_ledger_daily where item_id = 1",
        "insert into logentic_marts.stock_ledger_daily select * from logentic_marts.stock_ledger_daily limit 1",
        "update logentic_marts.stock_movements set quantity = quantity + 1 where movement_type = 'picked'",
        "delete from logentic_marts.stock_movements where item_id = 2",
        "update logentic_marts.storage_cost_daily set price = price + 0.000001"
        " where item_id = 1 and date = '2026-01-05'",
        "update logentic_marts.storage_cost_daily set allocated_charge = allocated_charge + 0.01"
        " where item_id = 1 and date = '2026-01-05'",
        "update logentic_marts.invoices set billed = billed + 0.01",
        "delete from logentic_marts.invoice_reconciliation where charge_id = 4",
        "delete from logentic_marts.orders",
        "delete from logentic_marts.order_lines",
        "update logentic_marts.charges set charge_id = 1 where charge_id = 2",
        "insert into logentic_marts.fulfilment_daily (date, orders) values (date '2099-12-31', 1)",
    ],
)
def test_a_tampered_row_is_found(account: RawAccount, tmp_path: Path, tampering: str) -> None:
    file = account.copy(tmp_path / "account.duckdb")
    with duckdb.connect(str(file)) as connection:
        assert connection.execute(tampering).fetchall() != [(0,)]
        runner = runner_of(connection)
        runner.check()
    assert {result.status for result in runner.results if result.node.kind == "check"} == {"pass", "fail"}


def test_history_that_disagrees_is_a_finding_and_no_broken_build(account: RawAccount, tmp_path: Path) -> None:
    file = account.copy(tmp_path / "account.duckdb")
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "update logentic_raw.inventory_history set supply = supply + 3 where id = 1 and date = '2026-01-05'"
        )
    assert build(file)
    with duckdb.connect(str(file)) as connection:
        found = connection.execute(
            "select item_id, day(date), unreconciled from stock_ledger_daily where unreconciled <> 0"
        )
        assert found.fetchall() == [(1, 5, -3)]


def test_charges_under_other_names_are_read(tmp_path: Path) -> None:
    raw = RawAccount(tmp_path / "account.duckdb")
    raw.execute("alter table logentic_raw.payment_items add column total varchar")
    raw.execute("alter table logentic_raw.payment_items add column sum_due varchar")
    raw.execute("alter table logentic_raw.payment_items add column start_date varchar")
    raw.execute('alter table logentic_raw.payment_items add column "order" varchar')
    raw.add("payment_items", id=1, total="12.345678901234567890", start_date="2026-01-31T05:00:00Z", order="42")
    raw.add("payment_items", id=2, amount="3.10", total="9", sum_due="8")
    raw.add("payment_items", id=3, total="9", sum_due="8.5")
    raw.add("payment_items", id=4, total=" ")
    raw.add("payment_items", id=5, total="n/a", start_date="soon", order="none")
    aliases = {"amount": ["sum_due"]}
    assert build(raw.path, payment_item_aliases=aliases)
    assert raw.execute(
        "select cast(amount as varchar), cast(start_date as varchar), order_id from charges order by charge_id"
    ) == [
        ("12.345678901234567890000000", "2026-01-31", 42),
        ("3.100000000000000000000000", None, None),
        ("8.500000000000000000000000", None, None),
        (None, None, None),
        (None, None, None),
    ]
    unreadable = "select charge_id, is_amount_unreadable from charges where is_amount_unreadable or charge_id = 4"
    assert raw.execute(f"{unreadable} order by charge_id") == [(4, False), (5, True)]


def test_settings_reach_the_models(account: RawAccount, tmp_path: Path) -> None:
    file = account.copy(tmp_path / "account.duckdb")
    rates = [{"rate": "0.02", "valid_from": "2026-01-05", "valid_to": "9999-12-31"}]
    settings = {"timezone": "America/Toronto", "storage_rates": rates, "storage_basis": "month_end", "dispute_days": 30}
    assert build(file, **settings)
    with duckdb.connect(str(file)) as connection:
        assert connection.execute("select cast(min(date) as varchar) from stock_daily").fetchone() == ("2025-12-31",)
        assert connection.execute(
            "select bool_and(expected_price = case when day(date) >= 5 then volume_cuft * 0.02 else price end)"
            " from storage_cost_daily"
        ).fetchone() == (True,)
    rates[0]["valid_from"] = "2025-01-01"  # a price of the contract for all of its days accuses a charge
    assert build(file, **settings)
    with duckdb.connect(str(file)) as connection:
        assert connection.execute(
            "select distinct cast(dispute_until as varchar) from invoice_exceptions where charge_id = 1"
        ).fetchall() == [("2026-02-11",)]
