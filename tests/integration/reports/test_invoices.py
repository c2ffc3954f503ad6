"""The list of invoices, the totals that finance received, and what was decided: kept, published, restored."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import AS_ANYBODY, COMMAND, logentic
from typer.testing import CliRunner

from logentic.audit_log import INVOICE_DECISIONS, INVOICE_TOTALS
from logentic.cli.app import app
from logentic.job import JobOptions, run_job
from logentic.reports.exceptions import read_findings, record_decision, resolve_author
from logentic.reports.invoice_approval import approve_by_tolerance
from logentic.reports.invoices import read_invoice, read_invoices
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)


class Books:
    """An account, and its published file."""

    def __init__(self, sandbox: Sandbox, file: Path) -> None:
        self.sandbox, self.file = sandbox, file
        self.settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x")
        run_job(self.settings, file, JobOptions())

    def copy(self, folder: Path) -> "Books":
        """Return the same with a file and a state folder of its own."""
        shutil.copytree(self.file.parent, folder / "copy")
        copy = object.__new__(Books)
        copy.sandbox, copy.file, copy.settings = self.sandbox, folder / "copy" / self.file.name, self.settings
        return copy

    def run(self) -> None:
        run_job(self.settings, self.file, JobOptions())

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as published:
            return published.execute(sql).fetchall()

    def listed(self, *words: object) -> list[dict[str, Any]]:
        return json.loads(self.command("invoices", *words, "--json"))

    def command(self, *words: object) -> str:
        done = self.attempt(*words)
        assert done.exit_code == 0, done.exception
        return done.stdout

    def attempt(self, name: str, *words: object) -> Any:
        return CliRunner().invoke(app, [name, "--db", str(self.file), *map(str, words)])


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    with Sandbox(Account(seed=61, scale=0.2, days=80, today=TODAY)) as sandbox:
        yield Books(sandbox, tmp_path_factory.mktemp("books") / "logentic.duckdb")


@pytest.fixture
def books(account: Books, tmp_path: Path) -> Books:
    return account.copy(tmp_path)


def test_the_list_says_what_finance_asks_first(books: Books) -> None:
    newest, *_, oldest = books.listed()
    assert newest["invoice"] > oldest["invoice"]
    assert (newest["billed_date"], newest["invoice_total"], newest["difference"]) == ("2026-03-03", None, None)
    found = read_findings(books.file, newest["invoice"])
    days = [finding.dispute_until for finding in found if not finding.is_underbilled]
    assert newest["dispute_until"] == str(min(days))
    screen = books.command("invoices")
    assert max(map(len, screen.splitlines())) <= 80
    assert [row["invoice"] for row in books.listed("--month", "2026-01")] == [7003, 7002], "a charge of January is late"
    assert books.attempt("invoices", "--month", "2020-01").exception.guidance.startswith("The newest invoices: 7003")


def test_an_invoice_that_nobody_has_to_look_at_is_not_open(books: Books) -> None:
    assert len(books.listed("--open")) == 3
    for finding in read_findings(books.file, 7001):
        record_decision(books.file, finding.exception_id, "accepted", None, "ann")
    books.command("invoices", "decide", 7001, "hold")
    assert len(books.listed("--open")) == 3, "held is not decided"
    books.command("invoices", "decide", 7001, "approve")
    assert {row["invoice"] for row in books.listed()} - {row["invoice"] for row in books.listed("--open")} == {7001}


def test_the_total_that_was_typed_is_compared_wherever_the_invoice_is_shown(books: Books) -> None:
    total = Decimal(books.listed()[0]["total"])
    books.command("reconcile", "--invoice", 7003, "--invoice-total", total - 1)
    assert books.listed()[0]["difference"] == "-1.00"
    books.command("reconcile", "--invoice", 7003, "--invoice-total", total)
    books.command("reconcile", "--invoice", 7003, "--invoice-total", total)
    assert len(INVOICE_TOTALS.read(State(books.file).folder)) == 2, "the same again is no news"
    assert (books.listed()[0]["invoice_total"], books.listed()[0]["difference"]) == (str(total), "0.00")
    assert " ties " in books.command("invoices")
    shown = json.loads(books.command("reconcile", "--invoice", 7003, "--json"))
    assert shown["tie_out"]["difference"] == "0.00"
    # Published by the next run; when the folder is lost, the file has it.
    books.run()
    (typed, _), (last, by) = books.ask("select total, entered_by from logentic_raw.invoice_totals order by entered_at")
    assert (typed, last, by) == (total - 1, total, resolve_author(None))
    shutil.rmtree(State(books.file).folder)
    assert books.listed()[0]["invoice_total"] == str(total)
    books.run()
    assert len(INVOICE_TOTALS.read(State(books.file).folder)) == 2


def test_a_reader_without_rights_sees_the_tie_out_all_the_same(books: Books, tmp_path: Path) -> None:
    shutil.rmtree(State(books.file).folder)
    books.file.parent.chmod(0o500)
    try:
        words = ("reconcile", "--db", books.file, "--invoice", 7003, "--invoice-total", "1.00")
        shown = logentic(*words, cwd=tmp_path, command=[*AS_ANYBODY, COMMAND])
    finally:
        books.file.parent.chmod(0o700)
    assert shown.returncode == 0, shown.stderr
    assert "Total on the paper" in shown.stdout
    assert "is not writable: the invoice total is not stored" in shown.stderr
    assert read_invoices(books.file, books.settings)[0].invoice_total is None


def test_the_name_that_was_typed_is_kept_for_the_next_time(books: Books) -> None:
    user = resolve_author(None, books.file)
    assert resolve_author(" Zoé  B\n", books.file) == "Zoé B" != user
    assert resolve_author(None, books.file) == "Zoé B"
    assert resolve_author(None) == user, "of another file"


def test_a_file_of_an_earlier_version_has_no_totals_and_no_decisions(books: Books) -> None:
    with duckdb.connect(str(books.file)) as published:
        published.execute("drop table logentic_raw.invoice_totals; drop table logentic_raw.invoice_decisions")
    assert [row["invoice_total"] for row in books.listed()] == [None] * 3


def test_a_decision_is_kept_with_the_invoice_as_it_was(books: Books) -> None:
    before = books.listed()[0]
    said = books.command("invoices", "decide", 7003, "hold", "--by", "Zoé\x9b", "--note", "=1+1\x1b[2J")
    assert said.startswith("Invoice 7003: On hold (Zoé, ")
    books.command("invoices", "decide", 7003, "approve_in_part")
    (after, *_) = books.listed()
    last, first = after["decisions"]
    assert (first["decision"], first["amount"], first["note"]) == ("hold", None, "=1+1[2J")
    assert (last["decision"], last["amount"]) == ("approve_in_part", before["recommended_payment"])
    assert (last["decided_by"], last["method"], last["total"]) == ("Zoé", "person", before["total"])
    shown = books.command("invoices")
    assert f"Approved in part {Decimal(last['amount']):,.2f} (Zoé, " in shown
    assert "On hold" not in shown
    # Published by the next run, both of them; nothing is overwritten.
    assert books.ask("select count(*) from invoice_decisions") == [(0,)]
    books.run()
    columns = "payment_id, decision, amount, decided_by, total, recoverable, in_your_favour, not_checked, recommended"
    held, approved = books.ask(f"select {columns}, is_latest from invoice_decisions order by decided_at")
    as_it_was = [Decimal(before[name]) for name in ("total", "recoverable", "in_your_favour", "not_checked")]
    paid = Decimal(before["recommended_payment"])
    assert held == (7003, "hold", None, "Zoé", *as_it_was, paid, False)
    assert approved == (7003, "approve_in_part", paid, "Zoé", *as_it_was, paid, True)
    ((exceptions,),) = books.ask("select exceptions from invoice_decisions where is_latest")
    found = {finding.exception_id: str(finding.amount_at_stake) for finding in read_findings(books.file, 7003)}
    assert {each["exception_id"]: each["amount"] for each in json.loads(exceptions)} == found
    # When the folder is lost, the file has them.
    shutil.rmtree(State(books.file).folder)
    assert books.listed()[0]["decisions"] == [last, first]
    books.run()
    assert len(INVOICE_DECISIONS.read(State(books.file).folder)) == 2
    assert books.ask("select count(*) from invoice_decisions") == [(2,)]


def test_what_is_approved_is_the_total_that_finance_received(books: Books) -> None:
    total = Decimal(books.listed()[0]["total"])
    books.command("reconcile", "--invoice", 7003, "--invoice-total", total + 1)
    books.command("invoices", "decide", 7003, "approve")
    books.command("invoices", "decide", 7002, "approve_in_part", "--amount", "1,000.50")
    newest, second, _ = books.listed()
    assert newest["decisions"][0]["amount"] == str(total + 1)
    assert second["decisions"][0]["amount"] == "1000.50"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((7003, "pay"), "'pay' is no decision"),
        ((9999, "hold"), "has no invoice 9999"),
        (("N", "hold"), "is not an invoice number"),
        ((7003, "approve", "--amount", "1.00"), "--amount goes with approve_in_part, not with approve"),
        ((7003, "approve_in_part", "--amount", "9999999.00"), "--amount, 9,999,999.00, is no part of"),
        ((7003, "approve_in_part", "--amount", "-1"), "--amount, -1.00, is no part of"),
        ((7003, "approve_in_part", "--amount", "x"), "--amount 'x' is not an amount"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(account: Books, words: tuple[object, ...], message: str) -> None:
    refused = account.attempt("invoices", "decide", *words).exception
    assert message in str(refused)
    assert INVOICE_DECISIONS.read(State(account.file).folder) == []


def test_an_invoice_without_anything_recoverable_is_approved_or_held_not_approved_in_part(books: Books) -> None:
    for finding in read_findings(books.file, 7001):
        record_decision(books.file, finding.exception_id, "accepted", None, "ann")
    refused = books.attempt("invoices", "decide", 7001, "approve_in_part").exception
    assert "the recommended payment, 296.19, is no part of 296.19" in str(refused)


def test_what_is_not_billed_or_not_readable_is_not_approved(books: Books) -> None:
    with duckdb.connect(str(books.file)) as published:
        table = "logentic_marts.charges"
        published.execute(f"update {table} set billed_date = null where payment_id = 7003")
        one = f"select min(charge_id) from {table} where payment_id = 7002"
        published.execute(f"update {table} set amount = null, is_amount_unreadable = true where charge_id = ({one})")
    assert "invoice 7003 is not billed yet" in str(books.attempt("invoices", "decide", 7003, "hold").exception)
    assert "its total is not known" in str(books.attempt("invoices", "decide", 7002, "approve").exception)
    books.command("reconcile", "--invoice", 7002, "--invoice-total", "3505.68")
    books.command("invoices", "decide", 7002, "approve")


def test_a_change_after_the_decision_is_said(books: Books) -> None:
    for number in (7001, 7002):
        books.command("invoices", "decide", number, "approve")
    with duckdb.connect(str(books.file)) as published:
        one = "select min(charge_id) from logentic_marts.charges where payment_id = 7002"
        published.execute(f"update logentic_marts.charges set amount = amount + 1 where charge_id = ({one})")
        more = "update logentic_marts.exception_status set amount_at_stake = amount_at_stake + 1"
        one = "select min(exception_id) from exception_status where payment_id = 7001 and direction = 'recoverable'"
        published.execute(f"{more} where exception_id = ({one})")
    _, second, oldest = books.listed()
    assert second["changed_since_decision"] == ["Since then the total has changed from 3,505.68 to 3,506.83."]
    assert oldest["changed_since_decision"] == ["Since then more is recoverable: 12.12 instead of 11.12."]
    assert "Since then the total has changed" in books.command("invoices")


def test_without_a_person_only_what_is_within_the_tolerance_is_approved(books: Books, tmp_path: Path) -> None:
    small = {row["invoice"]: Decimal(row["recoverable"]) + Decimal(row["not_checked"]) for row in books.listed()}
    assert small[7001] == Decimal("11.12") < min(small[7002], small[7003])
    assert approve_by_tolerance(books.file, books.settings) == [], "by default none"
    for settings in ({"approval_tolerance": "11.11"}, {"approval_tolerance": "12", "dispute_days": 20}):
        assert approve_by_tolerance(books.file, books.settings.model_copy(update=typed(**settings))) == []
    books.command("invoices", "decide", 7002, "hold")
    run = ("run", "--db", books.file)
    access = {"base_url": books.settings.base_url, "api_token": books.sandbox.token, "hash_key": "x"}
    done = logentic(*run, cwd=tmp_path, **access, approval_tolerance="40")
    assert done.returncode == 0, done.stderr
    assert "invoice 7001: Approved by tolerance 296.19 (" in done.stderr
    assert "within the tolerance of 40.00" in " ".join(books.command("invoices").split())
    assert "7002" not in done.stderr, "somebody decided on it"
    decision = read_invoice(books.file, books.settings, 7001).decision
    assert decision
    assert (decision.decision, decision.method, decision.decided_by) == ("approve", "tolerance", "approval_tolerance")
    again = logentic(*run, cwd=tmp_path, **access, approval_tolerance="40")
    assert "Approved" not in again.stderr
    assert books.ask("select payment_id, method from invoice_decisions order by 1") == [
        (7001, "tolerance"),
        (7002, "person"),
    ]
    # A person may decide otherwise.
    books.command("invoices", "decide", 7001, "hold")
    assert books.listed()[-1]["decisions"][0]["method"] == "person"


def typed(**settings: object) -> dict[str, object]:
    read = Settings(**settings)
    return {name: getattr(read, name) for name in settings}


def test_what_could_not_be_checked_or_read_is_not_approved_without_a_person(books: Books) -> None:
    for number in (7001, 7003):
        books.command("invoices", "decide", number, "hold")
    row = next(row for row in books.listed() if row["invoice"] == 7002)
    recoverable, both = Decimal(row["recoverable"]), Decimal(row["recoverable"]) + Decimal(row["not_checked"])
    enough, too_little = (books.settings.model_copy(update=typed(approval_tolerance=each)) for each in (both, both - 1))
    assert recoverable < both - 1
    assert approve_by_tolerance(books.file, too_little) == []
    with duckdb.connect(str(books.file)) as published:
        published.execute("update logentic_raw.extract_windows set is_complete = false where resource = 'orders'")
    assert approve_by_tolerance(books.file, enough) == [], "orders were not read completely"
    with duckdb.connect(str(books.file)) as published:
        published.execute("update logentic_raw.extract_windows set is_complete = true")
    assert [invoice.payment_id for invoice in approve_by_tolerance(books.file, enough)] == [7002]


def test_a_total_that_is_off_is_not_within_the_tolerance(books: Books) -> None:
    books.command("reconcile", "--invoice", 7001, "--invoice-total", "310.00")
    assert approve_by_tolerance(books.file, books.settings.model_copy(update=typed(approval_tolerance="12"))) == []


def test_what_was_recovered_to_date_is_told_apart(books: Books) -> None:
    found = [each for each in read_findings(books.file, 7003) if not each.is_underbilled]
    assert len(found) >= 5
    for finding, status in zip(found, ("disputed", "credited", "rejected", "accepted"), strict=False):
        record_decision(books.file, finding.exception_id, status, None, "ann")
    with duckdb.connect(str(books.file)) as published:
        late = "update logentic_marts.exception_status set dispute_until = date '2026-03-16' where exception_id = ?"
        published.execute(late, [found[4].exception_id])
        part = "update logentic_marts.invoice_reconciliation set credited = 0.25 where charge_id = ?"
        published.execute(part, [found[0].charge_id])
    stakes = [finding.amount_at_stake for finding in found]
    assert books.listed()[0]["recovery"] == {
        "found": str(sum(stakes) + Decimal("0.25")),
        "disputed": str(stakes[0]),
        "credited": str(stakes[1] + Decimal("0.25")),
        "expired": str(stakes[4]),
    }
    assert f"credited {stakes[1] + Decimal('0.25'):,.2f}, expired {stakes[4]:,.2f}." in " ".join(
        books.command("invoices").split()
    )
