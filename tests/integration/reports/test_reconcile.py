"""The reconciliation of an invoice, as people get it: workbook, tables, letter, screen, exit code.

The workbook is read twice: as it is stored, and as LibreOffice computes it anew.
"""

import csv
import json
import re
import shutil
import zipfile
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from command_line import AS_ANYBODY, COMMAND, logentic
from typer.testing import CliRunner
from workbook_cells import cells_of, cents, links_of, recomputed, total_of

from logentic.cli.app import app
from logentic.errors import LogenticError
from logentic.job import JobOptions, run_job
from logentic.reports.exceptions import read_findings, record_decision
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
HOSTILE = ('=HYPERLINK("http://example.com","x")', "+1+1", "-2", "@SUM(A1)", "\t=1+1")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An account whose names begin like formulas, and an invoice of it on which one thing is disputed."""
    file = tmp_path_factory.mktemp("reconciled") / "logentic.duckdb"
    with Sandbox(Account(seed=62, scale=0.2, days=50, today=TODAY)) as sandbox:
        items = [row["id"] for row in sandbox.state().rows("items")]
        for item, name in zip(items, HOSTILE, strict=False):
            sandbox.alter("items", item, name=name)
        run_job(Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x"), file, JobOptions())
    record_decision(file, read_findings(file)[0].exception_id, "disputed", "=cmd|'/c calc'!A1", "ann")
    return file


def asked(file: Path, sql: str) -> Any:
    with duckdb.connect(str(file), read_only=True) as published:
        return published.execute(sql).fetchone()[0]


def invoice_of(file: Path) -> int:
    return asked(file, "select max(payment_id) from invoices where billed_date is not null")


def command(*words: object) -> Any:
    return CliRunner().invoke(app, ["reconcile", *map(str, words)])


@pytest.fixture(scope="module")
def workbook(file: Path) -> Path:
    path = file.with_name("invoice.xlsx")
    done = command("--db", file, "--invoice", invoice_of(file), "--xlsx", path)
    assert done.exit_code == 0, done.exception
    return path


def expected_totals(file: Path) -> dict[tuple[str, str], Decimal]:
    invoice = invoice_of(file)
    checked = f"from invoice_reconciliation where payment_id = {invoice}"
    found = f"from invoice_exceptions where payment_id = {invoice}"
    months = "select distinct date_trunc('month', start_date) from charges where charge_type = 'storage'"
    months += f" and payment_id = {invoice}"
    return {
        ("Summary", "Billed"): asked(file, f"select sum(billed) from invoices where payment_id = {invoice}"),
        ("Summary", "Exceptions"): asked(file, f"select coalesce(sum(billed), 0) {checked} and status = 'exception'"),
        ("Summary", "Not checked"): asked(
            file, f"select coalesce(sum(billed), 0) {checked} and status = 'not_checked'"
        ),
        ("Summary", "Charges"): asked(file, f"select count(*) {checked}"),
        ("Charges", "Billed"): asked(file, f"select sum(billed) {checked}"),
        ("Charges", "Difference"): asked(file, f"select sum(difference) {checked}"),
        ("Charges", "Not checked"): asked(
            file, f"select coalesce(sum(billed), 0) {checked} and status = 'not_checked'"
        ),
        ("Exceptions", "Recoverable"): asked(
            file, f"select sum(amount_at_stake) {found} and direction = 'recoverable'"
        ),
        ("Exceptions", "In your favour"): asked(
            file, f"select sum(amount_at_stake) {found} and direction = 'in_your_favour'"
        ),
        ("Storage", "Billed"): asked(file, f"select sum(billed) from storage_cost_monthly where month in ({months})"),
    }


def test_the_totals_of_the_workbook_are_those_of_the_tables(file: Path, workbook: Path) -> None:
    sheets = cells_of(workbook)
    for (sheet, heading), expected in expected_totals(file).items():
        assert total_of(sheets[sheet], heading) == cents(str(expected)), (sheet, heading)
    totals = [cell for cells in sheets.values() for name, cell in cells.items() if re.fullmatch(r"[A-Z]+2", name)]
    assert all(cell.formula for cell in totals if cell.value and not cell.is_text), "a total is a formula"


def test_a_late_charge_of_another_kind_brings_no_month_of_storage_along(file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(file, tmp_path / "logentic.duckdb"))
    invoice = invoice_of(copy)
    with duckdb.connect(str(copy)) as published:
        earlier = "select min(month) from storage_cost_monthly"
        of_another = f"select min(charge_id) from charges where payment_id = {invoice} and charge_type = 'handling'"
        published.execute(
            f"update logentic_marts.charges set start_date = ({earlier}) where charge_id = ({of_another})"
        )
    command("--db", copy, "--invoice", invoice, "--csv", tmp_path)
    months = {row["month"] for row in csv.DictReader((tmp_path / "storage.csv").open(encoding="utf-8-sig", newline=""))}
    assert months == {"2026-02-01"}


def test_every_column_of_the_workbook_says_something(file: Path, workbook: Path, tmp_path: Path) -> None:
    """What no row fills is left out there, and not in the tables that a program reads."""
    for sheet, cells in cells_of(workbook).items():
        places = [re.fullmatch(r"([A-Z]+)(\d+)", name).groups() for name, cell in cells.items() if cell.value]
        filled = {column for column, row in places if int(row) > 3}
        heads = {column for column, row in places if row == "3"}
        assert sheet == "Cover" or heads == filled, sheet
    command("--db", file, "--invoice", invoice_of(file), "--csv", tmp_path)
    assert "minimum" in (tmp_path / "rate_card.csv").read_text().splitlines()[0]
    assert "Minimum" not in [cell.value for cell in cells_of(workbook)["Rate card"].values()]


def test_text_is_never_a_formula(workbook: Path) -> None:
    sheets = cells_of(workbook)
    formulas = {cell.formula for cells in sheets.values() for cell in cells.values() if cell.formula}
    functions = {name for formula in formulas for name in re.findall(r"[A-Z]+(?=\()", formula)}
    assert functions <= {"ROUND", "SUM", "SUBTOTAL", "SUMPRODUCT", "EXACT", "COUNT", "ROWS"}
    assert all(re.match(r"(ROUND|SUM|SUMPRODUCT|COUNT|ROWS)\(", formula) for formula in formulas)
    assert not any(character in formula for formula in formulas for character in "|@'\n")
    shown = {cell.value for cells in sheets.values() for cell in cells.values() if cell.is_text and not cell.formula}
    assert set(HOSTILE) & shown
    assert any("=cmd|" in text for text in shown)
    with zipfile.ZipFile(workbook) as parts:
        assert not any("hyperlink" in parts.read(name).decode() for name in parts.namelist() if "rels" in name)


def test_the_first_page_is_to_be_signed(file: Path, workbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has lines for what is not known; each amount but that of the paper is a formula; it is one printed page."""
    cover = cells_of(workbook)["Cover"]
    labels = {cell.value: name[1:] for name, cell in cover.items() if name[0] == "A"}
    for label in ("Company", "Warehouse", "Prepared by", "Approved by", "Total on the paper"):
        assert (cover[f"B{labels[label]}"].value, cover[f"B{labels[label]}"].formula) == ("", None), label
    assert cover[f"B{labels['Invoice']}"].value == str(invoice_of(file))
    assert cover[f"B{labels['Period']}"].value == "2026-02-01 to 2026-02-28"
    for label in ("Billed", "Recoverable", "In your favour", "Not checked", "Recommended payment", "Total with tax"):
        assert cover[f"B{labels[label]}"].formula, label
    assert cover[f"C{labels['Recoverable']}"].formula
    top = range(int(labels["Exception"]) + 1, int(labels["Prepared by"]))
    shown = [cover[f"{column}{row}"].value for row in top for column in "BC" if cover.get(f"{column}{row}")]
    found = [finding.amount_at_stake for finding in read_findings(file, invoice_of(file))]
    assert sorted(map(Decimal, filter(None, shown)), reverse=True) == sorted(found, reverse=True)[: len(top)]
    with zipfile.ZipFile(workbook) as parts:
        setup = re.search(r"<pageSetup[^>]*>", parts.read("xl/worksheets/sheet1.xml").decode())[0]
        assert "fitToPage" in parts.read("xl/worksheets/sheet1.xml").decode()
    assert "fitToHeight" not in setup, "both default to one page"
    named = file.with_name("named.xlsx")
    monkeypatch.setenv("LOGENTIC_COMPANY_ADDRESS", "=1+1 Maple & Sons")
    assert command("--db", file, "--invoice", invoice_of(file), "--invoice-total", "1", "--xlsx", named).exit_code == 0
    cover = cells_of(named)["Cover"]
    assert cover[f"B{labels['Company']}"].value == "=1+1 Maple & Sons"
    assert not cover[f"B{labels['Company']}"].formula
    assert cover[f"B{labels['Total on the paper']}"].value == "1"


def test_an_exception_and_its_charge_lead_to_each_other(workbook: Path) -> None:
    sheets, links = cells_of(workbook), links_of(workbook)
    heads = {
        name: {cell.value: place[:-1] for place, cell in cells.items() if re.fullmatch(r"[A-Z]+3", place)}
        for name, cells in sheets.items()
    }
    for name, other in (("Exceptions", "Charges"), ("Charges", "Exceptions")):
        column = heads[name]["Charge"]
        for place, (sheet, target) in links[name].items():
            assert sheet == other
            here = sheets[name][f"{column}{re.sub('[A-Z]', '', place)}"].value
            assert here == sheets[other][re.sub("[A-Z]+", heads[other]["Charge"], target)].value != ""
    exceptions = [cell for place, cell in sheets["Exceptions"].items() if re.fullmatch(r"A([4-9]|\d\d+)", place)]
    assert len(links["Exceptions"]) == len(links["Charges"]) == len([cell for cell in exceptions if cell.value]) > 3
    assert {sheet for sheet, _ in links["Cover"].values()} == {"Exceptions"}
    rules = heads["Exceptions"]["Rule"]
    for place, (_, target) in links["Cover"].items():
        assert sheets["Cover"][place].value == sheets["Exceptions"][re.sub("[A-Z]+", rules, target)].value


def test_charges_begin_with_those_that_are_printed(file: Path, workbook: Path) -> None:
    cells = cells_of(workbook)["Charges"]
    head = next(name[:-1] for name, cell in cells.items() if cell.value == "Status" and name.endswith("3"))
    rows = sorted(int(name[1:]) for name in cells if name[0] == "A" and int(name[1:]) > 3)
    statuses = [cells[f"{head}{row}"].value for row in rows]
    order = ["exception", "not_checked", "settled", "matched"]
    assert statuses == sorted(statuses, key=order.index)
    printed = [status for status in statuses if status in order[:2]]
    with zipfile.ZipFile(workbook) as parts:
        areas = parts.read("xl/workbook.xml").decode()
    assert re.search(r"Charges!\$A\$1:\$[A-Z]+\$(\d+)</", areas.partition("Print_Area")[2])[1] == str(3 + len(printed))
    assert 0 < len(printed) < len(statuses)


def test_sheets_name_items_by_sku_and_the_accrual_its_month(file: Path, workbook: Path) -> None:
    sheets = cells_of(workbook)
    month = asked(file, "select strftime(max(as_of_date), '%Y-%m') from accrual")
    assert f"Accrual {month}" in sheets
    heads = {cell.value for cells in sheets.values() for name, cell in cells.items() if re.fullmatch("[A-Z]+3", name)}
    assert "SKU" in heads
    assert "Item id" not in heads


def test_libreoffice_computes_the_same_totals(file: Path, workbook: Path, tmp_path: Path) -> None:
    before, after = cells_of(workbook), cells_of(recomputed(workbook, tmp_path))
    compared = 0
    for sheet, cells in before.items():
        for name, cell in cells.items():
            if cell.formula:
                assert cents(after[sheet][name].value) == cents(cell.value), (sheet, name, cell.formula)
                compared += 1
    assert compared > 30


def test_the_tables_as_csv_add_up_and_hold_no_formula(file: Path, tmp_path: Path) -> None:
    invoice = invoice_of(file)
    command("--db", file, "--invoice", invoice, "--csv", tmp_path)
    rows = {path.stem: list(csv.DictReader(path.open(encoding="utf-8-sig", newline=""))) for path in tmp_path.iterdir()}
    billed = asked(file, f"select sum(billed) from invoices where payment_id = {invoice}")
    assert sum(Decimal(row["billed"]) for row in rows["charges"]) == billed
    texts = [value for table in rows.values() for row in table for value in row.values()]
    risky = [text for text in texts if text[:1] in ("=", "+", "-", "@", "\t") and not re.fullmatch(r"-[\d.]+", text)]
    assert risky == []
    assert any(text.startswith("'=") for text in texts)


def test_a_csv_opens_in_a_spreadsheet_and_its_rows_are_identified(file: Path, tmp_path: Path) -> None:
    """With a byte-order mark; with semicolons decimals have a comma, and the tables are the same."""
    one = ("--db", file, "--invoice", invoice_of(file))
    tables = {}
    for separator in ("comma", "semicolon", ";"):
        assert command(*one, "--csv", tmp_path / separator, "--csv-separator", separator).exit_code == 0
        for path in (tmp_path / separator).iterdir():
            assert path.read_bytes().startswith(b"\xef\xbb\xbf")
            with path.open(encoding="utf-8-sig", newline="") as lines:
                tables[separator, path.stem] = list(
                    csv.DictReader(lines, delimiter="," if separator == "comma" else ";")
                )
    for name in ("charges", "exceptions"):
        rows = tables["comma", name]
        assert {"payment_id", "rule", "charge_id", "order_id"} <= {*rows[0]}
        assert {row["payment_id"] for row in rows} == {str(invoice_of(file))}
        assert [{**row, "billed": row["billed"].replace(".", ",")}["billed"] for row in rows] == [
            row["billed"] for row in tables["semicolon", name]
        ]
        assert any("," in row["billed"] for row in tables["semicolon", name])
        assert tables["semicolon", name] == tables[";", name]
    found = {finding.exception_id: finding for finding in read_findings(file, invoice_of(file))}
    for row in tables["comma", "exceptions"]:
        finding = found[row["exception_id"]]
        assert (row["rule"], row["charge_id"]) == (finding.rule, str(finding.charge_id or ""))
        assert cents(row["difference"]) == finding.billed - finding.expected


def test_the_letter_lists_what_is_disputed_and_nothing_else(file: Path, tmp_path: Path) -> None:
    invoice = invoice_of(file)
    disputed, *others = sorted(read_findings(file, invoice), key=lambda finding: finding.status != "disputed")
    for name in ("letter.md", "letter.txt"):
        assert command("--db", file, "--invoice", invoice, "--letter", tmp_path / name).exit_code == 0
        text = (tmp_path / name).read_text("utf-8").replace("\\", "")
        assert disputed.evidence in text
        assert f"{disputed.amount_at_stake:,.2f} CAD" in text
        assert not any(other.exception_id in text for other in others)
        assert ("# " in text) == name.endswith(".md")
    older = asked(file, f"select min(payment_id) from invoices where payment_id <> {invoice}")
    refused = command("--db", file, "--invoice", older, "--letter", tmp_path / "none.md")
    assert f"nothing on invoice {older} is disputed and recoverable" in str(refused.exception)
    assert not (tmp_path / "none.md").exists()
    # What is wrong with it is said all the same.
    assert refused.stdout == command("--db", file, "--invoice", older).stdout != ""


def billed_of(file: Path, invoice: int) -> Decimal:
    billed = "select cast(sum(billed) as decimal(18, 2)) from invoices where payment_id = {}"
    return Decimal(asked(file, billed.format(invoice)))


def taxed(subtotal: Decimal) -> Decimal:
    rates = (Decimal("0.05"), Decimal("0.09975"))
    return subtotal + sum((subtotal * rate).quantize(Decimal("0.01"), ROUND_HALF_UP) for rate in rates)


def test_the_warehouse_can_act_on_the_letter(file: Path, tmp_path: Path) -> None:
    """What it is, what was billed, what is asked of it; nothing that we would owe, and nothing that is only ours."""
    copy = Path(shutil.copy(file, tmp_path / "logentic.duckdb"))
    invoice = invoice_of(copy)
    found = read_findings(copy, invoice)
    assert {finding.rule for finding in found} >= {"storage_underbilled", "missing_charge", "rate_deviation"}
    for finding in found:
        record_decision(copy, finding.exception_id, "disputed", "our lawyer says", "marie")
    assert command("--db", copy, "--invoice", invoice, "--letter", tmp_path / "letter.txt").exit_code == 0
    text = (tmp_path / "letter.txt").read_text("utf-8")
    too_low = [f for f in found if f.rule == "missing_charge" or (f.billed or 0) < (f.expected or 0)]
    too_high = [f for f in found if f not in too_low]
    assert too_low
    stake = sum((f.amount_at_stake for f in too_high), Decimal(0))
    assert f"dispute {len(too_high)} charges, by {stake:,.2f} CAD before tax," in text
    assert f", {taxed(stake):,.2f} CAD with the taxes on it." in text
    assert not any(finding.exception_id in text or finding.evidence in text for finding in too_low)
    assert f"Please answer by 31 March 2026: credit {stake:,.2f} CAD" in text
    parts = text.split("Our reference: ")[:-1]
    assert len(parts) == len(too_high)
    for finding in too_high:
        part = next(part for part in parts if finding.evidence in part).rpartition("\n\n   ")[2]
        assert part.count("What we ask: Please ") == 1
        assert finding.charge_type in part
        assert (f"Billed: {finding.billed:,.2f} CAD" in part) == (finding.charge_id is not None)
    assert "which price applies" in next(p for p in parts if "other charges suggest" in p)
    assert not re.search("lawyer|marie", text)
    requests = {(finding.rule, finding.direction): finding.request for finding in found}
    assert "which price applies" in requests["rate_deviation", "recoverable"]


def test_a_price_that_is_too_low_is_not_asked_back_whoever_states_it(file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(file, tmp_path / "logentic.duckdb"))
    invoice = invoice_of(copy)
    deviation = next(finding for finding in read_findings(copy, invoice) if finding.rule == "rate_deviation")
    for is_question in ("true", "false"):
        with duckdb.connect(str(copy)) as published:
            published.execute(
                f"update logentic_marts.exception_status set direction = 'in_your_favour', is_question = {is_question}"
                f" where exception_id = '{deviation.exception_id}'"
            )
        low = next(f for f in read_findings(copy, invoice) if f.exception_id == deviation.exception_id)
        assert low.request == "Please tell us what is right, and correct it."


@pytest.fixture
def paper(file: Path) -> Decimal:
    return taxed(billed_of(file, invoice_of(file)))


def test_the_paper_ties_to_the_cent_or_the_screen_says_why_not(file: Path, paper: Decimal) -> None:
    invoice = invoice_of(file)
    tied = command("--db", file, "--invoice", invoice, "--invoice-total", f"{paper:,.2f}", "--json")
    assert json.loads(tied.stdout)["tie_out"]["difference"] == "0.00"
    french = f"{paper:,.2f} $".replace(",", " ").replace(".", ",")
    assert "They tie to the cent." in command("--db", file, "--invoice", invoice, "--invoice-total", french).stdout
    off = command("--db", file, "--invoice", invoice, "--invoice-total", paper + 1, "--json")
    assert json.loads(off.stdout)["tie_out"]["difference"] == "1.00"
    assert json.loads(off.stdout)["tie_out"]["explanations"]


def test_the_charge_that_makes_the_difference_is_named_for_a_program_too(file: Path) -> None:
    """Here, on another invoice, or on none yet; of many charges of an amount, those that a rule finds wrong first."""
    invoice = invoice_of(file)
    wrong = f"charge_id in (select charge_id from invoice_exceptions where rule = 'duplicate_charge') and {invoice}"
    for chosen, sign, words in (
        (f"payment_id < {invoice}", 1, "is on the paper; the API puts it on invoice"),
        ("payment_id is null", 1, "is on the paper; the API puts it on no invoice yet."),
        (f"{wrong} = payment_id", -1, "is not on the paper."),
    ):
        ranked = f"from charges where {chosen} order by amount desc, charge_id limit 1"
        amount = asked(file, f"select cast(amount as decimal(18, 2)) {ranked}")
        total = taxed(billed_of(file, invoice) + sign * amount)
        answer = command("--db", file, "--invoice", invoice, "--invoice-total", total, "--json")
        tie = json.loads(answer.stdout)["tie_out"]
        assert asked(file, f"select charge_id {ranked}") in tie["charges"], tie
        named = asked(file, f"select amount from charges where charge_id = {tie['charges'][0]}")
        assert named == amount
        assert any(words in explanation for explanation in tie["explanations"]), tie
    assert "exceptions come first" in tie["explanations"][0]
    assert re.search(r"(unknown_order|cancelled_order|duplicate_charge)\) is not", tie["explanations"][1])


def test_the_exit_code_says_that_something_is_open(file: Path) -> None:
    assert command("--db", file, "--invoice", invoice_of(file)).exit_code == 0
    assert command("--db", file, "--invoice", invoice_of(file), "--fail-on", "exceptions").exit_code == 3
    assert command("--db", file, "--month", "2026-03", "--fail-on", "exceptions").exit_code in (0, 3)


def test_what_cannot_be_reconciled_is_one_clear_line(file: Path, tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("a file")
    (tmp_path / "folder.xlsx").mkdir()
    one = ("--db", file, "--invoice", invoice_of(file))
    for words, message in {
        ("--db", file): "--invoice N or --month YYYY-MM",
        (*one, "--month", "2026-02"): "--invoice N or --month YYYY-MM",
        ("--db", file, "--invoice", 1): "has no invoice 1",
        ("--db", file, "--month", "2019-01"): "has no charge of 2019-01",
        (*one, "--invoice-total", "a lot"): "'a lot' is not an amount",
        (*one, "--invoice-total", "USD 12.00"): "is in USD, and the setting currency is CAD",
        (*one, "--invoice-total", "1.234"): "'1.234' is not an amount",
        ("--db", file, "--month", "2026-02", "--invoice-total", "1"): "--invoice-total needs one invoice",
        (*one, "--csv", tmp_path / "x", "--csv-separator", "tab"): "--csv-separator 'tab' is not known",
        (*one, "--fail-on", "anything"): "--fail-on 'anything' is not known",
        (*one, "--xlsx", tmp_path / "folder.xlsx"): "folder.xlsx cannot be written: Is a directory",
        (*one, "--xlsx", tmp_path / "in the way" / "a.xlsx"): "cannot be written: ",
        (*one, "--xlsx", tmp_path / "a.csv"): "a.csv does not end in .xlsx",
        (*one, "--xlsx", ""): "does not end in .xlsx",
        (*one, "--csv", tmp_path / "in the way"): "cannot be written: ",
        (*one, "--letter", tmp_path / "a.pdf"): "a.pdf does not end in .docx or .html or .txt or .md",
    }.items():
        answer = command(*words)
        assert isinstance(answer.exception, LogenticError), (words, answer.stdout)
        assert message in str(answer.exception)
        assert "\n" not in str(answer.exception)
    unnamed = command("--db", file).exception
    assert unnamed.guidance.startswith(f"The newest invoices: {invoice_of(file)}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.xlsx", "in the way"]


@pytest.mark.parametrize("option", ["--xlsx a.xlsx", "--letter a.docx", "--csv ."])
def test_a_file_that_cannot_be_written_stays_as_it_stood(file: Path, tmp_path: Path, option: str) -> None:
    """In a folder that may only be read; and where it can be, nothing half written is left beside it."""
    name, path = option.split()
    there = tmp_path / "here" / ("charges.csv" if path == "." else path)
    words = ("reconcile", "--db", file, "--invoice", invoice_of(file), name, there.parent if path == "." else there)
    there.parent.mkdir()
    there.write_text("of last month")
    there.parent.chmod(0o500)
    try:
        done = logentic(*words, cwd=tmp_path, command=[*AS_ANYBODY, COMMAND])
    finally:
        there.parent.chmod(0o700)
    assert (done.returncode, f"{name} {tmp_path}/here/" in done.stderr) == (2, True), done.stderr
    assert "cannot be written: Permission denied" in done.stderr
    assert there.read_text() == "of last month"
    assert logentic(*words, cwd=tmp_path).returncode == 0
    assert there.read_bytes() != b"of last month"
    assert not list(there.parent.glob(".*"))
