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

from logentic.audit_log import INVOICE_TOTALS
from logentic.cli.app import app
from logentic.job import JobOptions, run_job
from logentic.reports.exceptions import read_findings, record_decision, resolve_author
from logentic.reports.invoices import read_invoices
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
    assert "is not yours to write: the invoice total is not kept" in shown.stderr
    assert read_invoices(books.file, books.settings)[0].invoice_total is None


def test_the_name_that_was_typed_is_kept_for_the_next_time(books: Books) -> None:
    user = resolve_author(None, books.file)
    assert resolve_author(" Zoé  B\n", books.file) == "Zoé B" != user
    assert resolve_author(None, books.file) == "Zoé B"
    assert resolve_author(None) == user, "of another file"


def test_a_file_of_an_earlier_version_has_no_totals(books: Books) -> None:
    with duckdb.connect(str(books.file)) as published:
        published.execute("drop table logentic_raw.invoice_totals")
    assert [row["invoice_total"] for row in books.listed()] == [None] * 3
