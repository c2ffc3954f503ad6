"""Write an accrual as journal entries that QuickBooks Online or Xero imports.

Columns: QuickBooks Online, help article "Import journal entries"; Xero, the template of "Import manual journals".
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from logentic import config_folder
from logentic.currencies import minor_unit
from logentic.errors import UsageError
from logentic.reports.accrual import Accrual
from logentic.reports.output_files import output_file
from logentic.sanitizer import one_line
from logentic.settings import Settings

ANY_TYPE = "*"
QUICKBOOKS = ("Journal No", "Journal Date", "Account Name", "Description", "Debits", "Credits")
XERO = ("*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount")
XERO_TRACKING = ("TrackingName1", "TrackingOption1", "TrackingName2", "TrackingOption2")  # left empty


@dataclass(frozen=True)
class JournalLine:
    """A line of a journal entry: `amount` is a debit where it is positive, a credit where it is negative."""

    account: str
    description: str
    amount: Decimal


@dataclass(frozen=True)
class JournalEntry:
    """Lines that add up to nothing."""

    number: str
    narration: str
    date: date
    lines: list[JournalLine]


def build_journal(accrual: Accrual, settings: Settings) -> list[JournalEntry]:
    """Return the entry of the accrual and the one that reverses it on the first day of the next month.

    Each charge type is debited to its account, and the sum is credited to the setting `accrual_account`.
    """
    if not accrual.lines:
        raise UsageError(f"nothing to accrue at {accrual.accrued_on}", "No journal was written.")
    unit, month = minor_unit(accrual.currency), f"{accrual.month:%B %Y}"
    lines = [
        JournalLine(
            _account_of(line.charge_type, settings),
            one_line(f"Accrued {line.charge_type}, {month}"),
            line.total.quantize(unit),
        )
        for line in accrual.lines
        if line.total
    ]
    if not settings.accrual_account:
        raise _no_account(
            "no account to credit the accrual to: accrual_account", 'accrual_account = "Accrued liabilities"'
        )
    lines.append(JournalLine(settings.accrual_account, f"Accrued charges, {month}", -accrual.total.quantize(unit)))
    back = [JournalLine(line.account, f"Reversal: {line.description}", -line.amount) for line in lines]
    number = f"3PL-{accrual.month:%Y-%m}"
    return [
        JournalEntry(number, f"Accrual of warehouse charges, {month}", accrual.accrued_on, lines),
        JournalEntry(
            f"{number}-R", f"Reversal of the accrual of warehouse charges, {month}", accrual.reversed_on, back
        ),
    ]


def write_journal(entries: list[JournalEntry], path: Path, layout: str, settings: Settings) -> None:
    """Write the entries as CSV, in the layout of an accounting system."""
    columns, rows_of = LAYOUTS[layout]
    with (
        output_file("--journal", path, ".csv") as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(columns)
        for entry in entries:
            writer.writerows(rows_of(entry, settings))


def _quickbooks_rows(entry: JournalEntry, settings: Settings) -> list[tuple[str, ...]]:
    return [
        (
            entry.number,
            f"{entry.date:%m/%d/%Y}",
            line.account,
            line.description,
            f"{line.amount:f}" if line.amount > 0 else "",
            f"{-line.amount:f}" if line.amount < 0 else "",
        )
        for line in entry.lines
    ]


def _xero_rows(entry: JournalEntry, settings: Settings) -> list[tuple[str, ...]]:
    # "28 Feb 2026" is unambiguous in every country.
    return [
        (
            entry.narration,
            f"{entry.date:%d %b %Y}",
            line.description,
            line.account,
            settings.journal_tax_rate,
            f"{line.amount:f}",
            *("" for _ in XERO_TRACKING),
        )
        for line in entry.lines
    ]


Rows = Callable[[JournalEntry, Settings], list[tuple[str, ...]]]
LAYOUTS: dict[str, tuple[tuple[str, ...], Rows]] = {
    "quickbooks": (QUICKBOOKS, _quickbooks_rows),
    "xero": ((*XERO, *XERO_TRACKING), _xero_rows),
}


def _account_of(charge_type: str, settings: Settings) -> str:
    accounts = settings.charge_accounts
    if account := accounts.get(charge_type) or accounts.get(ANY_TYPE):
        return account
    raise _no_account(
        f"no account for charges of type {charge_type!r}: charge_accounts",
        f'[logentic.charge_accounts] {charge_type} = "Warehouse costs"; the type "{ANY_TYPE}" is for all others',
    )


def _no_account(what: str, example: str) -> UsageError:
    return UsageError(what, f"Add to {config_folder() / 'config.toml'}: {example}.")
