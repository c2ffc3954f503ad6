"""The accrual of a month beside the tables, and the journal entries that accounting systems import."""

import csv
import json
import shutil
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from logentic.cli.app import app
from logentic.job import JobOptions, run_job
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)
ACCOUNTS = {
    "LOGENTIC_CHARGE_ACCOUNTS": '{"storage": "Warehousing:Storage", "*": "Fulfilment, é"}',
    "LOGENTIC_ACCRUAL_ACCOUNT": "Accrued liabilities",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("accrual") / "logentic.duckdb"
    with Sandbox(Account(seed=61, scale=0.2, days=80, today=TODAY)) as sandbox:
        run_job(Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="x"), file, JobOptions())
    return file


def attempt(file: Path, *words: object, **env: str) -> Any:
    return CliRunner().invoke(app, ["accrual", "--db", str(file), *map(str, words)], env={**ACCOUNTS, **env})


def command(file: Path, *words: object) -> str:
    done = attempt(file, *words)
    assert done.exit_code == 0, done.exception
    return done.stdout


def accrued(file: Path, month: str, *words: str) -> dict[str, Any]:
    return json.loads(command(file, "--month", month, "--json", *words))


def by_type(file: Path, sql: str) -> dict[str, Decimal]:
    with duckdb.connect(str(file), read_only=True) as published:
        amounts = (
            f"select charge_type, cast(sum(amount) as decimal(18, 2)) from {sql} group by 1 having sum(amount) <> 0"
        )
        return dict(published.execute(amounts).fetchall())


def test_the_accrual_of_the_open_month_is_the_table(file: Path) -> None:
    found = accrued(file, "2026-03")
    table = by_type(file, "accrual")
    assert {line["charge_type"]: Decimal(line["total"]) for line in found["lines"]} == table
    assert Decimal(found["total"]) == sum(table.values())
    assert (found["accrued_on"], found["reversed_on"], found["billed_later"]) == ("2026-03-17", "2026-04-01", [])
    assert "The month has not ended: figures up to 2026-03-17." in command(file, "--month", "2026-03")


def test_what_was_billed_after_the_month_is_accrued_in_it_unless_it_is_left_out(file: Path) -> None:
    late = by_type(file, "charges where billed_date > '2026-01-31' and start_date <= '2026-01-31' and not is_withdrawn")
    found = accrued(file, "2026-01")
    assert {line["charge_type"]: Decimal(line["billed_later"]) for line in found["lines"]} == late
    assert {each["invoice"] for each in found["billed_later"]} == {7002, 7003}
    assert sum(Decimal(each["amount"]) for each in found["billed_later"]) == Decimal(found["total"]) > 0
    assert (found["accrued_on"], found["reversed_on"]) == ("2026-01-31", "2026-02-01")
    assert accrued(file, "2026-01", "--leave-out-billed")["total"] == "0"
    assert command(file, "--month", "2026-01", "--leave-out-billed") == "Nothing to accrue at 2026-01-31.\n"
    screen = command(file, "--month", "2026-01")
    assert f"{Decimal(found['total']):,.2f}" in screen
    assert max(map(len, screen.splitlines())) <= 80


def test_what_is_expected_beyond_the_month_is_shared_by_days(file: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(file, tmp_path / "logentic.duckdb"))
    with duckdb.connect(str(copy)) as published:
        row = "(accrual_id, kind, charge_type, start_date, end_date, amount, as_of_date)"
        table = f"insert into logentic_marts.accrual {row} values"
        published.execute(f"{table} ('a', 'expected', 'storage', '2026-02-27', '2026-03-07', 10, '2026-03-17')")
        published.execute(f"{table} ('b', 'expected', 'storage', '2026-02-27', '2026-02-28', null, '2026-03-17')")
    found = accrued(copy, "2026-02", "--leave-out-billed")
    (line,) = found["lines"]
    assert (line["expected"], found["unpriced"]) == ("2.22", 1), "two of nine days"
    assert "1 line of the table accrual without a price" in command(copy, "--month", "2026-02")


QUICKBOOKS, XERO = ("quickbooks", "02/28/2026", "03/01/2026"), ("xero", "28 Feb 2026", "01 Mar 2026")


@pytest.mark.parametrize(("layout", "day", "back"), [QUICKBOOKS, XERO])
def test_the_journal_balances_and_is_reversed(file: Path, tmp_path: Path, layout: str, day: str, back: str) -> None:
    copy = Path(shutil.copy(file, tmp_path / "logentic.duckdb"))
    with duckdb.connect(str(copy)) as published:  # more was credited than charged
        published.execute("update logentic_marts.charges set amount = -amount where charge_type = 'picking'")
    path = tmp_path / "journal.csv"
    command(copy, "--month", "2026-02", "--journal", path, "--format", layout)
    found = accrued(copy, "2026-02")
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    is_xero = layout == "xero"
    entry, date_column, account = (
        ("*Narration", "*Date", "*AccountCode") if is_xero else ("Journal No", "Journal Date", "Account Name")
    )
    columns = ["Description", "*TaxRate", "*Amount"] if is_xero else ["Description", "Debits", "Credits"]
    assert {entry, date_column, account, *columns} <= rows[0].keys()
    amounts = defaultdict(list)
    for row in rows:
        debit = Decimal(row["*Amount"]) if is_xero else Decimal(row["Debits"] or 0) - Decimal(row["Credits"] or 0)
        assert is_xero or (bool(row["Debits"]), bool(row["Credits"])) in ((True, False), (False, True))
        assert is_xero or "-" not in row["Debits"] + row["Credits"]
        amounts[row[entry], row[date_column]].append((row[account], debit))
    (first, second) = amounts
    assert (first[1], second[1]) == (day, back)
    assert [(name, -amount) for name, amount in amounts[first]] == amounts[second]
    assert sum(amount for _, amount in amounts[first]) == 0
    *charged, accrual = amounts[first]
    assert accrual == ("Accrued liabilities", -Decimal(found["total"]))
    assert [amount for _, amount in charged] == [Decimal(line["total"]) for line in found["lines"]]
    assert any(amount < 0 for _, amount in charged)
    assert {name for name, _ in charged} == {"Warehousing:Storage", "Fulfilment, é"}
    assert not is_xero or {row["*TaxRate"] for row in rows} == {"Tax Exempt"}


def test_what_cannot_be_accrued_or_written_is_one_clear_line(file: Path, tmp_path: Path) -> None:
    journal = ("--journal", tmp_path / "journal.csv")
    for words, env, message in (
        (("--month", "2026-04"), {}, "2026-04 has not begun"),
        (("--month", "2020-01"), {}, "has no charge of 2020-01"),
        (("--month", "March"), {}, "'March' is not a month"),
        (("--month", "2026-03", "--format", "sage"), {}, "--format 'sage' is not known"),
        (("--month", "2026-03", "--journal", tmp_path / "a.xlsx"), {}, "a.xlsx does not end in .csv"),
        (("--month", "2026-01", "--leave-out-billed", *journal), {}, "nothing to accrue at 2026-01-31"),
        (("--month", "2026-03", *journal), {"LOGENTIC_ACCRUAL_ACCOUNT": ""}, "no account to credit the accrual to"),
        (
            ("--month", "2026-03", *journal),
            {"LOGENTIC_CHARGE_ACCOUNTS": '{"storage": "S", "*": ""}'},
            "no account for charges of type 'custom'",
        ),
    ):
        assert message in str(attempt(file, *words, **env).exception), words
    assert list(tmp_path.iterdir()) == []
