"""The letter to the warehouse: the same words in every format, complete, and with a day by which to answer."""

import re
import shutil
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from logentic.cli.app import app
from logentic.currencies import money
from logentic.job import JobOptions, run_job
from logentic.reports.exceptions import Finding, read_findings, record_decision
from logentic.reports.invoice_approval import record_invoice_decision
from logentic.reports.invoices import read_invoice
from logentic.reports.letter import answer_date, compose_letter
from logentic.reports.letter_formats import Letter
from logentic.reports.reconciliation import reconcile
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
ADDRESSES = {
    "LOGENTIC_COMPANY_ADDRESS": "Maple & <Birch> Inc.; 1200 rue Sainte-Catherine O; Montréal QC",
    "LOGENTIC_WAREHOUSE_ADDRESS": "Fulfilment Ltd.\n500 Port Road\nLaval QC",
    "LOGENTIC_SIGNATURE": "Zoé Tremblay; Controller",
}
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An account on which everything is disputed, with a description that a page or a document could obey."""
    file = tmp_path_factory.mktemp("letter") / "logentic.duckdb"
    with Sandbox(Account(seed=61, scale=0.2, days=80, today=TODAY)) as sandbox:
        settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x")
        run_job(settings, file, JobOptions())
        charge = next(each.charge_id for each in read_findings(file, 7003) if each.rule == "unknown_order")
        sandbox.alter("payment_items", charge, description="<script>alert(1)</script> & *bold* | x")
        run_job(settings, file, JobOptions())
    for finding in read_findings(file):
        record_decision(file, finding.exception_id, "disputed", None, "ann")
    return file


def command(file: Path, *words: object, env: dict[str, str] = ADDRESSES) -> Any:
    done = CliRunner().invoke(app, ["reconcile", "--db", str(file), *map(str, words)], env=env)
    assert done.exit_code == 0, done.exception
    return done


def words_of(path: Path) -> str:
    """Return what a reader sees, on one line."""
    if path.suffix == ".docx":
        with zipfile.ZipFile(path) as package:
            assert package.testzip() is None
            for name in package.namelist():
                ET.fromstring(package.read(name))
            root = ET.fromstring(package.read("word/document.xml"))
        text = " ".join("".join(t.text or "" for t in p.iter(f"{WORD}t")) for p in root.iter(f"{WORD}p"))
    else:
        text = path.read_text("utf-8")
    if path.suffix == ".html":
        text = unescape(re.sub(r"<[^>]+>", " ", text.partition("<body>")[2]))
    if path.suffix == ".md":
        text = re.sub(r"\\([^\n])", r"\1", text)
    return " ".join(text.replace("\\\n", " ").split())


@pytest.mark.parametrize("ending", ["docx", "html", "txt", "md"])
def test_every_format_has_all_parts_of_the_letter(file: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"letter.{ending}"
    said = command(file, "--invoice", 7003, "--letter", path).stderr
    letter = compose_letter(reconcile(file, Settings(), invoice=7003), Settings())
    assert f"letter.{ending}, {len(letter.evidence)} disputed" in said
    assert "not complete" not in said
    text = words_of(path)
    parts = [
        "Maple & <Birch> Inc. 1200 rue Sainte-Catherine O Montréal QC",
        "Fulfilment Ltd. 500 Port Road Laval QC",
        "17 March 2026",
        letter.subject,
        letter.salutation,
        *letter.opening,
        *(cell for row in letter.summary.rows for cell in row[:3]),
        *(f"{label} {'| | ' if ending == 'md' else ''}{amount}" for label, amount in letter.summary.totals),
        *letter.request,
        *(said for each in letter.evidence for said in (each.title, *(words for _, words in each.facts))),
        *letter.remarks,
        "Yours sincerely,",
        "Zoé Tremblay Controller",
    ]
    place = 0
    for part in parts:
        assert part in text[place:], part
        place = text.index(part, place)
    assert "<script>alert(1)</script> & *bold*" in text
    assert b"<script" not in path.read_bytes() or ending in ("txt", "md")
    if ending == "md":
        assert r"\<script\>alert(1)\</script\> \& \*bold\* \| x" in path.read_text("utf-8")


def test_a_letter_of_a_month_names_the_invoice_of_each_charge(file: Path, tmp_path: Path) -> None:
    command(file, "--month", "2026-02", "--letter", tmp_path / "letter.txt")
    text = words_of(tmp_path / "letter.txt")
    assert "Subject: Charges of February 2026: " in text
    asked = [each for each in read_findings(file, month=date(2026, 2, 1)) if not each.is_underbilled]
    assert text.count("Our reference: ") == len(asked) > 0
    assert text.count("Invoice: 7003") == sum(each.payment_id == 7003 for each in asked)


def test_the_letter_follows_what_was_decided_to_pay(file: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(file.parent, tmp_path / "copy") / file.name
    settings = Settings()
    invoice = read_invoice(copy, settings, 7003)

    def letter() -> Letter:
        return compose_letter(reconcile(copy, settings, invoice=7003), settings)

    undecided = letter()
    with_tax = dict(undecided.summary.totals)["Total with tax"]
    assert "on your next invoice" in undecided.request[0]
    withheld = money(invoice.total.total - invoice.recommended.total, "CAD")
    assert with_tax == withheld, "to the cent what the recommended payment leaves out"
    paid_in_part = money(invoice.recommended.total, "CAD")
    asked = {
        "approve": ("We pay the invoice in full. ", "on your next invoice"),
        "hold": ("We do not pay the invoice until this is settled. ", "against this invoice"),
        "approve_in_part": (
            f"We pay {paid_in_part} CAD of the invoice and withhold {withheld} CAD, with tax. ",
            "against this invoice",
        ),
    }
    for decision, (paid, credited) in asked.items():
        record_invoice_decision(copy, settings, 7003, decision, "ann")
        (request,) = letter().request
        assert request.startswith(f"{paid}Please answer by ")
        assert f"and the taxes on it {credited}, or tell us" in request


def test_a_letter_without_addresses_says_which_settings_are_missing(file: Path, tmp_path: Path) -> None:
    said = command(file, "--invoice", 7003, "--letter", tmp_path / "letter.txt", env={}).stderr
    assert "The letter is not complete: set company_address, warehouse_address, signature." in said
    assert (tmp_path / "letter.txt").read_text("utf-8").startswith("17 March 2026\n")


def test_what_is_in_your_favour_alone_makes_no_letter(file: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(file.parent, tmp_path / "copy") / file.name
    for finding in read_findings(copy, 7001):
        if not finding.is_underbilled:
            record_decision(copy, finding.exception_id, "accepted", None, "ann")
    words = ["reconcile", "--db", str(copy), "--invoice", "7001", "--letter", str(tmp_path / "letter.docx")]
    refused = CliRunner().invoke(app, words)
    assert "nothing on invoice 7001 is disputed and recoverable" in str(refused.exception)
    assert not (tmp_path / "letter.docx").exists()


def test_the_answer_is_due_in_the_days_of_the_setting_and_never_after_the_last_day_to_dispute(file: Path) -> None:
    found = read_findings(file, 7003)[0]

    def until(*days: date | None) -> list[Finding]:
        return [replace(found, dispute_until=day) for day in days]

    near, far, past = TODAY + timedelta(5), TODAY + timedelta(60), TODAY - timedelta(1)
    assert answer_date(until(far), TODAY, 14) == TODAY + timedelta(14)
    assert answer_date(until(far, near), TODAY, 14) == near
    assert answer_date(until(far, TODAY), TODAY, 14) == TODAY
    assert answer_date(until(past, None), TODAY, 14) == TODAY + timedelta(14), "nothing is left to miss"
    letter = compose_letter(reconcile(file, Settings(), invoice=7003), Settings(answer_days=30))
    assert letter.request[0].startswith("Please answer by 16 April 2026: ")
