"""One unreadable value in each list: the tables are built, it is named where it counts, and nothing else changes."""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import access, logentic
from mutating_service import MutatingService, Record
from truth_tables import differences

from logentic.job import JobOptions, JobResult, run_job
from logentic.monitoring.alerts import find_problems
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
DAY = timedelta(days=1)
ACCOUNT = {"seed": 62, "scale": 0.2, "days": 50, "today": TODAY}
Ask = Callable[[str], list[tuple[Any, ...]]]


class Damaged:
    """An account in which one value of each list cannot be read."""

    def __init__(self, sandbox: Sandbox) -> None:
        state = sandbox.state()
        billed = [row for row in state.rows("payment_items") if row["payment_id"] and row["amount"] > 1]
        invoice = max(row["payment_id"] for row in billed)
        of_invoice = [row for row in billed if row["payment_id"] == invoice]
        self.charges = [int(next(r["id"] for r in of_invoice if r["type"] == kind)) for kind in ("storage", "shipping")]
        self.invoice = int(invoice)
        records = [row for row in state.rows("item_quantities") if row["supply"] > 5]
        self.record = int(records[len(records) // 2]["id"])
        self.item = int(records[len(records) // 2]["item_id"])
        self.history = (self.item, str(TODAY - 10 * DAY))
        self.priced = (self.item, str(TODAY - 9 * DAY))
        self.order = int(next(row["id"] for row in state.rows("orders") if row["status"] == "COMPLETED"))

    def change(self, path: str, record: Record) -> None:
        kind = path.split("/v1/")[1]
        if kind.startswith("payment_items") and record["id"] in self.charges:
            record["amount"] = "n/a"
        elif kind == "items/item_quantities" and record["id"] == self.record:
            record["supply"] = "many"
        elif kind.startswith("items/inventory") and (record["id"], record["date"]) == self.history:
            record["supply"] = {"units": 3}
        elif kind.startswith("items/inventory") and (record["id"], record["date"]) == self.priced:
            record["total_storage_price"] = "free"
        elif kind.startswith("orders") and record["id"] == self.order:
            record["stored_items"][0]["quantity"] = "some"
            record["created_at"] = "soon"


@pytest.fixture(scope="module")
def service() -> Iterator[MutatingService]:
    with Sandbox(Account(**ACCOUNT)) as sandbox, MutatingService(sandbox) as service:
        yield service


@pytest.fixture(scope="module")
def damaged(service: MutatingService) -> Damaged:
    return Damaged(service.sandbox)


@pytest.fixture(scope="module")
def files(service: MutatingService, damaged: Damaged, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same account as it is, and with the unreadable values."""
    folder = tmp_path_factory.mktemp("unreadable")
    run(service, folder / "as_it_is.duckdb")
    service.change_record = damaged.change
    assert run(service, folder / "logentic.duckdb").loaded.rejected == 7
    return folder / "as_it_is.duckdb", folder / "logentic.duckdb"


def run(service: MutatingService, file: Path, options: JobOptions | None = None) -> JobResult:
    settings = Settings(base_url=service.url, api_token=service.token, hash_key="x")
    outcome = run_job(settings, file, options or JobOptions())
    assert not outcome.loaded.failures
    return outcome


def ask(file: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as published:
        published.execute("set TimeZone = 'UTC'")
        return published.execute(sql).fetchall()


def test_the_table_lists_what_could_not_be_read(files: tuple[Path, Path], damaged: Damaged) -> None:
    found = ask(files[1], "select resource, key, field, text, closed_at from rejected_values where seen_at is not null")
    day, priced = (f"{item}|{date}|" for item, date in (damaged.history, damaged.priced))
    (record,) = ask(
        files[1],
        f"select id || '|' || strftime(updated_at, '%Y-%m-%d %H:%M:%S.%fZ') from logentic_raw.item_quantities"
        f" where id = {damaged.record}",
    )[0]
    assert {(resource, key, field) for resource, key, field, *_ in found} == {
        *(("payment_items", str(charge), "amount") for charge in damaged.charges),
        ("item_quantities", record, "supply"),
        ("inventory_history", day, "supply"),
        ("inventory_history", priced, "total_storage_price"),
        ("orders", str(damaged.order), "stored_items.1.quantity"),
        ("orders", str(damaged.order), "created_at"),
    }
    assert {closed for *_, closed in found} == {None}
    assert ("payment_items", str(damaged.charges[0]), "amount", '"n/a"', None) in found


def test_a_charge_without_a_readable_amount_is_not_checked_and_counted_apart(
    files: tuple[Path, Path], damaged: Damaged
) -> None:
    clean, file = files
    charges = ", ".join(map(str, damaged.charges))
    assert ask(
        file,
        "select distinct status, rule, billed, difference, reason from invoice_reconciliation"
        f" where charge_id in ({charges})",
    ) == [("not_checked", None, None, None, "Its amount could not be read: see rejected_values.")]
    sums = "select sum(charges), sum(billed) from invoices"
    (((count, billed),), ((known, less),)) = ask(clean, sums), ask(file, sums)
    ((left_out,),) = ask(clean, f"select sum(amount) from charges where charge_id in ({charges})")
    assert (known, less) == (count, billed - left_out)
    assert ask(
        file,
        "select charge_type, unreadable_amounts, difference from invoices where unreadable_amounts > 0 order by 1",
    ) == [("shipping", 1, None), ("storage", 1, None)]
    others = (
        "select charge_id, rule, amount_at_stake from invoice_exceptions where charge_id is null or charge_id not in"
    )
    assert set(ask(file, f"{others} ({charges})")) <= set(ask(clean, f"{others} ({charges})")), "no one else is accused"


def test_a_stock_record_without_a_readable_counter_is_left_out(files: tuple[Path, Path], damaged: Damaged) -> None:
    """The item's next record counts: its other days close as they did, and nothing is lost in between."""
    clean, file = files
    ((day,),) = ask(clean, f"select updated_at::date from logentic_raw.item_quantities where id = {damaged.record}")
    ledger = "select item_id, date, closing from stock_ledger_daily"
    assert {row[:2] for row in set(ask(clean, ledger)) ^ set(ask(file, ledger))} <= {(damaged.item, day)}
    assert ask(file, f"select * from stock_movements where record_id = {damaged.record}") == []
    ((last,),) = ask(file, f"select min(supply) from stock_daily where item_id = {damaged.item}")
    assert last is not None
    unreconciled = "select item_id, date, unreconciled from stock_ledger_daily where unreconciled <> 0"
    assert {row[:2] for row in set(ask(file, unreconciled)) - set(ask(clean, unreconciled))} <= {(damaged.item, day)}


def test_a_day_of_history_without_readable_units_is_not_compared(files: tuple[Path, Path], damaged: Damaged) -> None:
    item, day = damaged.history
    assert ask(
        files[1],
        "select history_closing, unreconciled, is_observed from stock_ledger_daily"
        f" where item_id = {item} and date = '{day}'",
    ) == [(None, None, False)]
    item, day = damaged.priced
    assert ask(
        files[1], f"select price, volume_cuft > 0 from storage_cost_daily where item_id = {item} and date = '{day}'"
    ) == [(None, True)]


def test_an_order_with_an_unreadable_quantity_has_no_sum_of_units(files: tuple[Path, Path], damaged: Damaged) -> None:
    (found,) = ask(files[1], f"select units, created_at, lines > 0 from orders where order_id = {damaged.order}")
    assert found == (None, None, True)
    without = "select count(*) from findings where kind = 'units_without_order'"
    assert ask(files[1], without)[0] <= ask(files[0], without)[0]


def test_every_report_of_the_invoice_names_the_charges(
    files: tuple[Path, Path], damaged: Damaged, tmp_path: Path
) -> None:
    file, (first, second) = files[1], sorted(damaged.charges)
    sentence = f"2 charges have amounts that could not be read ({first}, {second}): the sums leave them out."
    of_invoice = f"select min(exception_id) from exception_status where payment_id = {damaged.invoice}"
    ((exception,),) = ask(file, of_invoice)
    logentic("exceptions", "set", exception, "disputed", "--db", file, cwd=tmp_path)
    options = ("--db", file, "--invoice", damaged.invoice)
    letter = tmp_path / "letter.txt"
    shown = logentic("reconcile", *options, "--invoice-total", "1.00", "--letter", letter, cwd=tmp_path)
    text = " ".join(shown.stdout.split())
    assert shown.returncode == 0, shown.stderr
    assert "2 charges have amounts that could not be read" in text
    assert "The amounts of 2 charges could not be read" in text, "the first explanation of the difference"
    told = json.loads(logentic("reconcile", *options, "--json", cwd=tmp_path).stdout)
    assert told["unreadable_amounts"] == [first, second]
    assert sentence in letter.read_text("utf-8")
    month = logentic("reconcile", "--db", file, "--month", "2026-02", "--json", cwd=tmp_path)
    assert set(json.loads(month.stdout)["unreadable_amounts"]) <= {first, second}
    assert json.loads(month.stdout)["unreadable_amounts"]


def test_run_build_and_status_count_them_and_fail_on_request(
    service: MutatingService, files: tuple[Path, Path], tmp_path: Path
) -> None:
    file = files[1]
    settings = access(service.sandbox, base_url=service.url, hash_key="x")
    line = "7 values could not be read: select * from rejected_values where closed_at is null"
    quiet = ("run", "--db", file, "--select", "items", "--no-models")
    for command in (quiet, ("status", "--db", file)):
        shown = logentic(*command, cwd=tmp_path, **settings)
        assert (shown.returncode, line in shown.stdout) == (0, True), shown.stderr
        failed = logentic(*command, "--fail-on", "rejected", "--json", cwd=tmp_path, **settings)
        assert (failed.returncode, json.loads(failed.stdout)["rejected_values"]) == (3, 7)
    assert logentic(*quiet, "--fail-on", "incomplete", cwd=tmp_path, **settings).returncode == 0
    assert logentic(*quiet, "--fail-on", "incomplete,rejected", cwd=tmp_path, **settings).returncode == 3
    wrong = find_problems(Settings(), State(file), ask(file, "select now()")[0][0])
    assert wrong["rejected payment_items.amount"] == (
        "payment_items.amount could not be read in 2 records: see rejected_values"
    )
    assert "rejected orders.stored_items.quantity" in wrong


def test_when_the_service_gives_readable_values_the_tables_equal_the_truth(
    service: MutatingService, files: tuple[Path, Path]
) -> None:
    service.change_record = None
    service.sandbox.clock.advance(timedelta(hours=1))
    outcome = run(service, files[1], JobOptions(start=TODAY - 60 * DAY, end=TODAY))
    assert outcome.loaded.rejected == 0
    assert ask(files[1], "select count(*), count(closed_at) from rejected_values") == [(7, 7)]
    assert differences(files[1], service.sandbox.account, service.sandbox.clock.now()) == {}
