"""Panels of a month: its closing, later changes, and the accrual."""

from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import marimo as mo

from logentic.currencies import money
from logentic.dashboard import filters, records
from logentic.dashboard.panels import Panel, Selection
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.errors import UsageError
from logentic.reports.accrual import BILLED_LATER, EXPECTED, UNBILLED, Accrual, read_accrual
from logentic.reports.exceptions import read_findings, resolve_author, sum_open_amounts
from logentic.reports.humanize import count
from logentic.reports.journal import build_journal, write_journal
from logentic.reports.month_close import close_month, preview_close, read_month_close, reopen_month
from logentic.reports.rate_changes import read_rate_changes
from logentic.reports.reconciliation import Books, read_books
from logentic.sanitizer import one_line
from logentic.settings import load_settings

RESTATEMENTS = """
select
    restated.subject,
    coalesce(nullif(concat_ws(' · ', items.sku, items.name), ''), restated.key) as which,
    restated.measure,
    cast(restated.value_before as decimal(18, 2)) as before,
    cast(restated.value_after as decimal(18, 2)) as after,
    cast(restated.difference as decimal(18, 2)) as difference,
    restated.seen_at,
    charges.payment_id as invoice
from restatements as restated
left join items
    on restated.subject in ('storage', 'stock') and restated.key = cast(items.item_id as varchar)
left join charges on restated.subject = 'charge' and restated.key = cast(charges.charge_id as varchar)
where restated.month = $month::date and restated.closed_at = $closed
order by restated.subject, abs(restated.difference) desc, which
"""
LAYOUT_NAMES = {"quickbooks": "QuickBooks Online", "xero": "Xero"}


def controls(snapshot: Snapshot, url: filters.Url) -> filters.Elements:
    return filters.choose_row(snapshot, url, "month", filters.MONTHS, "Month")


def close(snapshot: Snapshot, selection: Selection) -> Panel:
    """The closing of the month."""
    month = _month_of(selection)
    if month is None:
        return Panel("No month yet", note="A month appears here with its first charge.", wide=True)
    closed = read_month_close(snapshot.connection, snapshot.file, month)
    books = read_books(snapshot.connection, month, closed, records.currency())
    shown = _closed(snapshot.file, month, books, selection) if closed else _open(snapshot.file, month, selection)
    changes = [each.sentence(records.currency()) for each in read_rate_changes(snapshot.connection, month)]
    return replace(shown, note=" ".join([shown.note, *changes]))


def restatements(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """Changes since the month was closed."""
    month = _month_of(selection)
    if month is None:
        return None
    closed = read_month_close(snapshot.connection, snapshot.file, month)
    if closed is None:
        return Panel("No restatements", note="Changes after the closing are listed here.")
    result = snapshot.query(RESTATEMENTS, month=month, closed=closed["closed_at"])
    if not result:
        return Panel("No restatements", note="Nothing has changed since the month was closed.")
    return Panel(
        f"{count(result.table.num_rows, 'figure')} changed since the closing",
        result,
        name="restatements",
        wide=True,
        links={"which": lambda row: filters.page_link("invoices", invoice=row["invoice"]) if row["invoice"] else ""},
        hidden=("invoice",),
    )


def accrual(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """Accrual."""
    month = _month_of(selection)
    if month is None:
        return None
    settings = load_settings()
    accrued = read_accrual(snapshot.file, month, settings)
    if not accrued.lines:
        return Panel(f"Nothing to accrue at {accrued.accrued_on}", note="All costs of the month were billed in it.")
    rows = [
        {
            "charge_type": line.charge_type,
            "billed_later": line.amounts[BILLED_LATER],
            "not_billed": line.amounts[UNBILLED],
            "expected": line.amounts[EXPECTED],
            "total": line.total,
        }
        for line in accrued.lines
    ]
    note = f"Before tax, in {settings.currency}. To be reversed on {accrued.reversed_on}."
    try:
        build_journal(accrued, settings)
        downloads = tuple(
            mo.download(
                partial(_journal_bytes, accrued, layout),
                filename=f"journal-{month:%Y-%m}-{layout}.csv",
                mimetype="text/csv",
                label=f"Journal for {name}",
            )
            for layout, name in LAYOUT_NAMES.items()
        )
    except UsageError as error:
        note, downloads = f"{note} No journal to download: {error}. {error.guidance}", ()
    total = money(accrued.total, settings.currency)
    return Panel(
        f"Accrual at {accrued.accrued_on}: {total}",
        QueryResult.of(rows),
        note=note,
        name="accrual",
        extra=downloads,
        links={"charge_type": lambda row: _charges_link(month, row["charge_type"])},
    )


PANELS = (close, accrual, restatements)


def _open(file: Path, month: date, selection: Selection) -> Panel:
    settings, name = load_settings(), f"{month:%B %Y}"
    try:
        frozen = preview_close(file, month, settings.timezone)
    except UsageError as error:
        return Panel(f"{name} is open", note=f"It cannot be closed: {error}. {error.guidance}")
    waiting = read_findings(file, month=month, status="open")
    warning = (
        f" Warning: {count(len(waiting), 'exception')} still open: {sum_open_amounts(waiting).text(settings.currency)}."
        if waiting
        else " No exception is open."
    )
    note = (
        f"Closing freezes, as known at {frozen.known_at:%Y-%m-%d %H:%M} UTC: {frozen.frozen_text};"
        f" charges of {money(frozen.charged, settings.currency)} {settings.currency} before tax.{warning}"
    )
    form = records.entry_form(
        {"sure": mo.ui.checkbox(label=f"Freeze the figures of {name}"), "by": records.name_field(file)},
        "Close the month",
        lambda entered: close_month(file, month, resolve_author(entered["by"], file), settings.timezone),
        selection["changed"],
        lambda entered: None if entered and entered["sure"] else "Confirm first that the figures are to be frozen.",
    )
    return Panel(f"{name} is open", note=note, extra=(form,))


def _closed(file: Path, month: date, books: Books, selection: Selection) -> Panel:
    form = records.entry_form(
        {"reason": records.note_field("Reason to open it again"), "by": records.name_field(file)},
        "Open the month again",
        lambda entered: _reopen(file, month, entered),
        selection["changed"],
        lambda entered: records.require_words(entered, reason="Give the reason."),
    )
    changed = f"{count(books.charges_changed, 'charge')} changed, by {money(books.difference, records.currency())}"
    note = f"By {books.closed_by} at {books.closed_at:%Y-%m-%d %H:%M} UTC. Since then {changed} before tax."
    return Panel(f"{month:%B %Y} is closed", note=note, extra=(form,))


def _reopen(file: Path, month: date, form: dict[str, Any]) -> None:
    reopen_month(file, month, resolve_author(form["by"], file), one_line(form["reason"]).strip())


def _charges_link(month: date, charge_type: str) -> str:
    return filters.page_link("costs", "charges", month=f"{month:%Y-%m}", type=charge_type)


def _month_of(selection: Selection) -> date | None:
    month = selection.get("month")
    return date.fromisoformat(f"{month}-01") if month else None


def _journal_bytes(accrued: Accrual, layout: str) -> bytes:
    settings = load_settings()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.csv"
        write_journal(build_journal(accrued, settings), path, layout, settings)
        return path.read_bytes()
