"""One figure has one value: each screen, file and message says the same of an invoice and of a month, to the cent.

What is compared with is SQL on the published tables. Every figure has its name: recoverable and in your favour are
never one sum, and expected, difference and not checked add up to billed.
"""

import csv
import importlib.util
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from shutil import copytree
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner
from workbook_cells import cells_of, cents, recomputed, total_of

from logentic.cli.app import app
from logentic.dashboard import exception_queue, invoices, overview, storage
from logentic.dashboard import invoice as invoice_panels
from logentic.dashboard.snapshot import open_snapshot
from logentic.demo import closing_lines
from logentic.job import JobOptions, run_job
from logentic.monitoring.alerts import find_problems
from logentic.reports.exceptions import read_findings, record_decision
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
RULES = {"duplicate_charge", "cancelled_order", "unknown_order", "storage_overbilled", "storage_underbilled"}
RULES |= {"missing_charge", "rate_deviation", "outside_period"}
NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "month_end.py"
MONEY = r"(-?[\d,]+\.\d\d)"
Figures = dict[str, Decimal | int]


@dataclass(frozen=True)
class Scope:
    """An invoice or a month, and what the tables say of it."""

    file: Path
    invoice: int | None
    month: date | None

    @property
    def option(self) -> tuple[str, str]:
        return ("--invoice", str(self.invoice)) if self.invoice else ("--month", f"{self.month:%Y-%m}")

    def figures(self) -> Figures:
        of_status = f"payment_id = {self.invoice}" if self.invoice else f"month = date '{self.month}'"
        of_charge = of_status.replace("month =", "date_trunc('month', coalesce(start_date, billed_date)) =")
        with duckdb.connect(str(self.file), read_only=True) as published:
            amount = "coalesce(sum(cast(amount_at_stake as decimal(18, 2))) filter ({}), 0)"
            alive = "status in ('open', 'disputed') and direction = '{}'"
            kept = "coalesce(sum({}) filter (status {} 'not_checked'), 0)"
            exceptions = published.execute(
                f"select {amount.format(alive.format('recoverable'))} as recoverable,"
                f" {amount.format(alive.format('in_your_favour'))} as in_your_favour, count(*) as exceptions"
                f" from exception_status where {of_status}"
            )
            found = dict(zip((c[0] for c in exceptions.description), exceptions.fetchone(), strict=True))
            charges = published.execute(
                f"select sum(billed) as billed, {kept.format('expected', '<>')} as expected,"
                f" {kept.format('difference', '<>')} as difference, {kept.format('billed', '=')} as not_checked"
                f" from invoice_reconciliation where {of_charge}"
            )
            return found | dict(zip((c[0] for c in charges.description), charges.fetchone(), strict=True))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An account with all kinds of errors; of both directions some were disputed or accepted, and published."""
    file = tmp_path_factory.mktemp("figures") / "logentic.duckdb"
    with Sandbox(Account(seed=61, scale=0.2, days=80, today=TODAY)) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x")
        run_job(settings, file, JobOptions())
        found = read_findings(file)
        assert {finding.rule for finding in found} >= RULES
        for rule in ("duplicate_charge", "storage_underbilled"):
            for finding, status in zip((f for f in found if f.rule == rule), ("disputed", "accepted"), strict=False):
                record_decision(file, finding.exception_id, status, None, "ann")
        run_job(settings, file, JobOptions())
    return file


@pytest.fixture(scope="module")
def invoice(file: Path) -> Scope:
    with duckdb.connect(str(file), read_only=True) as published:
        newest = "select max(payment_id) from invoices where billed_date is not null"
        return Scope(file, published.execute(newest).fetchone()[0], None)


@pytest.fixture(scope="module")
def month(file: Path) -> Scope:
    """The one that the notebook begins with."""
    return Scope(file, None, date(2026, 2, 1))


@pytest.fixture(params=["invoice", "month"])
def scope(request: pytest.FixtureRequest) -> Scope:
    return request.getfixturevalue(request.param)


def command(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.exception
    return done.stdout


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def check(scope: Scope, said: dict[str, Any], *, names: str) -> None:
    """What a surface says under these names is what the tables say."""
    expected = scope.figures()
    assert {name: cents(str(said[name])) for name in names.split()} == {
        name: cents(str(expected[name])) for name in names.split()
    }


def of_sentence(text: str) -> Figures:
    """Of the line that ends each list of exceptions."""
    found = re.search(rf"(\d+) exceptions?[^:\n]*: {MONEY} recoverable, {MONEY} in your favour", text)
    assert found, text
    return {"exceptions": int(found[1]), "recoverable": number(found[2]), "in_your_favour": number(found[3])}


def added(rows: Iterable[dict[str, Any]], *names: str) -> Figures:
    listed = list(rows)
    return {name: sum((Decimal(str(row[name] or 0)) for row in listed), Decimal(0)) for name in names}


ALL = "recoverable in_your_favour billed expected difference not_checked"
BOTH = "recoverable in_your_favour exceptions"
CHARGED = "billed expected difference not_checked"


def test_the_account_tells_the_figures_apart(scope: Scope) -> None:
    figures = scope.figures()
    assert min(figures["recoverable"], figures["in_your_favour"], figures["not_checked"]) > 0
    assert figures["billed"] == figures["expected"] + figures["difference"] + figures["not_checked"]


def test_the_command_line(scope: Scope) -> None:
    screen = command("reconcile", "--db", scope.file, *scope.option)
    labels = {name.replace("_", " ").capitalize(): name for name in ALL.split()}
    lines = re.findall(rf"^ ({'|'.join(labels)}) +{MONEY} ", screen, re.MULTILINE)
    assert {labels[label] for label, _ in lines} == set(ALL.split())
    for label, amount in lines:
        check(scope, {labels[label]: number(amount)}, names=labels[label])
    check(scope, of_sentence(screen), names=BOTH)
    listed = command("exceptions", "--db", scope.file, *scope.option)
    check(scope, of_sentence(listed), names=BOTH)


def test_json(scope: Scope) -> None:
    shown = json.loads(command("reconcile", "--db", scope.file, *scope.option, "--json"))
    check(scope, {**shown, **shown["total"], "exceptions": len(shown["exceptions"])}, names=f"{ALL} exceptions")
    listed = json.loads(command("exceptions", "--db", scope.file, *scope.option, "--json"))
    said = {**added(listed, "recoverable", "in_your_favour"), "exceptions": len(listed)}
    check(scope, said, names=BOTH)


def test_the_workbook_and_csv(scope: Scope, tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    command("reconcile", "--db", scope.file, *scope.option, "--xlsx", path, "--csv", tmp_path)
    sheets = cells_of(recomputed(path, tmp_path))
    rows = [int(place[1:]) for place in sheets["Cover"] if place[0] == "A"]
    cover = [(sheets["Cover"][f"A{row}"].value, sheets["Cover"].get(f"B{row}")) for row in rows]
    for name in ALL.split():
        shown = [cell.value for label, cell in cover if label == name.replace("_", " ").capitalize() and cell]
        assert shown, name
        for amount in shown:
            check(scope, {name: amount}, names=name)
    headings = {name: name.replace("_", " ").capitalize() for name in ALL.split()}
    totals = {name: total_of(sheets["Charges"], headings[name]) for name in CHARGED.split()}
    check(scope, totals, names=CHARGED)
    found = {name: total_of(sheets["Exceptions"], headings[name]) for name in BOTH.split()[:2]}
    check(scope, found, names="recoverable in_your_favour")
    summary = {name: total_of(sheets["Summary"], headings[name]) for name in ("billed", "not_checked")}
    check(scope, summary, names="billed not_checked")

    tables = {name: list(csv.DictReader((tmp_path / f"{name}.csv").open())) for name in ("charges", "exceptions")}
    check(scope, added(tables["charges"], *CHARGED.split()), names=CHARGED)
    said = {**added(tables["exceptions"], "recoverable", "in_your_favour"), "exceptions": len(tables["exceptions"])}
    check(scope, said, names=BOTH)


def test_the_recommended_payment_is_what_is_billed_less_what_is_recoverable(invoice: Scope) -> None:
    shown = json.loads(command("reconcile", "--db", invoice.file, *invoice.option, "--json"))
    figures = invoice.figures()
    remaining = cents(str(figures["billed"] - figures["recoverable"]))
    taxes = sum((cents(str(remaining * rate)) for rate in (Decimal("0.05"), Decimal("0.09975"))), Decimal(0))
    assert Decimal(shown["recommended_payment"]) == remaining + taxes
    assert f"{remaining + taxes:,.2f}" in command("reconcile", "--db", invoice.file, *invoice.option)


def test_the_list_of_invoices(invoice: Scope, month: Scope) -> None:
    """Of each invoice what `reconcile` says of it; the screen what JSON says."""
    listed = json.loads(command("invoices", "--db", invoice.file, "--json"))
    assert len(listed) == 3
    screen = command("invoices", "--db", invoice.file)
    for row in listed:
        one = Scope(invoice.file, row["invoice"], None)
        said = {**row, "billed": row["subtotal"]}
        check(one, said, names="recoverable in_your_favour exceptions billed not_checked")
        shown = json.loads(command("reconcile", "--db", one.file, *one.option, "--json"))
        assert row["recommended_payment"] == shown["recommended_payment"]
        assert row["total"] == dict(map(tuple, shown["tie_out"]["lines"]))["Total with tax"]
        line = rf"{row['invoice']} +{MONEY} +{MONEY} +{MONEY} +{row['open_exceptions']} "
        amounts = [str(number(each)) for each in re.search(line, screen).groups()]
        assert amounts == [row["total"], row["recoverable"], row["in_your_favour"]]
    every = added(listed, "recoverable", "in_your_favour")
    end = re.search(rf"3 invoices: {MONEY} recoverable, {MONEY} in your favour", screen)
    assert [number(each) for each in end.groups()] == [*every.values()]


def test_the_letter(scope: Scope, tmp_path: Path) -> None:
    """Of all that is open or disputed, once it is disputed: what is recoverable, and nothing else."""
    file = copytree(scope.file.parent, tmp_path / "copy") / scope.file.name
    alive = read_findings(file, scope.invoice, scope.month, "open")
    for finding in alive:
        record_decision(file, finding.exception_id, "disputed", None, "ann")
    command("reconcile", "--db", file, *scope.option, "--letter", tmp_path / "letter.txt")
    text = (tmp_path / "letter.txt").read_text("utf-8")
    for sentence in (
        rf"and dispute .*, by {MONEY} CAD before tax",
        rf": credit {MONEY} CAD",
        rf"before tax +{MONEY}\n",
    ):
        check(scope, {"recoverable": number(re.search(sentence, text)[1])}, names="recoverable")
    asked = re.findall(r"Our reference: (.*)", text)
    disputed = read_findings(file, scope.invoice, scope.month, "disputed")
    assert sorted(asked) == sorted(each.exception_id for each in disputed if not each.is_underbilled)
    assert any(each.is_underbilled for each in disputed)


def test_the_dashboard(invoice: Scope, month: Scope) -> None:
    with open_snapshot(invoice.file) as snapshot:
        chosen = {
            "invoice": invoice.invoice,
            "item": None,
            "here": {"page": "invoices"},
            "start": TODAY - timedelta(200),
            "stop": TODAY,
        }
        rows = [{exception_queue.EXCEPTION: each.exception_id} for each in read_findings(invoice.file, invoice.invoice)]
        check(invoice, of_sentence(exception_queue.evidence(snapshot, {**chosen, "rows": rows}).title), names=BOTH)
        listed = invoices.invoices(snapshot, {**chosen, "invoice": None, "show": "All"}).table.rows
        (row,) = (row for row in listed if row["invoice"] == str(invoice.invoice))
        check(invoice, row, names="recoverable in_your_favour")
        check(invoice, invoice_panels.types(snapshot, chosen).table.rows[-1], names=CHARGED)
        every = added(
            json.loads(command("exceptions", "--db", invoice.file, "--json")), "recoverable", "in_your_favour"
        )
        tiles = {tile.label: tile.value for tile in overview._exceptions(snapshot)}
        assert {label: number(value) for label, value in tiles.items()} == {
            "Recoverable": every["recoverable"],
            "In your favour": every["in_your_favour"],
        }
        (shown,) = (
            row for row in storage.months(snapshot, chosen).table.rows if row["month"] == f"{month.month:%Y-%m}"
        )
    charges = json.loads(command("reconcile", "--db", month.file, *month.option, "--json"))["charges"]
    (charged,) = (row for row in charges if row["charge_type"] == "storage")
    assert (shown["expected"], shown["difference"]) == (Decimal(charged["expected"]), Decimal(charged["difference"]))


def test_storage_of_the_month_in_the_workbook_is_that_of_its_charges(month: Scope, tmp_path: Path) -> None:
    command("reconcile", "--db", month.file, *month.option, "--csv", tmp_path)
    by_item = added(csv.DictReader((tmp_path / "storage.csv").open()), "expected_price", "difference")
    charges = [row for row in csv.DictReader((tmp_path / "charges.csv").open()) if row["charge_type"] == "storage"]
    charged = added(charges, "expected", "difference")
    assert (by_item["expected_price"], by_item["difference"]) == (charged["expected"], charged["difference"])


def test_alerts(invoice: Scope) -> None:
    """A line for each exception: those of the invoice add up."""
    problems = find_problems(Settings(alert_amount=Decimal(0)), State(invoice.file), datetime.now(UTC))
    lines = [line for line in problems.values() if line.endswith(f", invoice {invoice.invoice}")]
    said = {
        name: sum((number(re.search(MONEY, line)[1]) for line in lines if name.replace("_", " ") in line), Decimal(0))
        for name in ("recoverable", "in_your_favour")
    }
    check(invoice, said, names="recoverable in_your_favour")


def test_the_demo(invoice: Scope) -> None:
    done = {"resources": {}, "models": 0, "tests": 0, "seconds": {}}
    check(invoice, of_sentence("\n".join(closing_lines(invoice.file, done))), names=BOTH)


def test_the_notebook_of_the_month(month: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGENTIC_DB", str(month.file))
    spec = importlib.util.spec_from_file_location("month_end", NOTEBOOK)
    assert spec
    assert spec.loader
    notebook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(notebook)
    outputs, _ = notebook.app.run()
    answer = next(output.text for output in reversed(outputs) if output and "The answer" in output.text)
    text = re.sub(r"<[^>]+>|\s+", " ", answer)
    assert f"{month.month:%Y-%m}" in text
    figures = re.search(
        rf"Book {MONEY} as billed and accrue {MONEY}\. Of (\d+) exceptions, {MONEY} is recoverable"
        rf" and {MONEY} is in your favour",
        text,
    )
    assert figures, text
    booked, accrued, exceptions, paid, favour = figures.groups()
    said = {"billed": number(booked) + number(accrued), "recoverable": number(paid), "in_your_favour": number(favour)}
    check(month, {**said, "exceptions": exceptions}, names=f"{BOTH} billed")
