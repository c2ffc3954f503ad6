"""The list of invoices; each leads to its own view."""

from datetime import date
from decimal import Decimal
from typing import Any

from logentic.dashboard import filters
from logentic.dashboard.panels import Panel, Selection
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.reports.exceptions import sum_open_amounts
from logentic.reports.humanize import count, label, words
from logentic.reports.invoice_decisions import DECISION_TEXTS
from logentic.reports.invoices import Invoice, read_invoices
from logentic.settings import load_settings

INVOICES = """
select
    payment_id,
    payment_id || case when max(billed_date) is null then ' · not billed yet' else ' · billed ' || max(billed_date) end
        as label
from invoices
where payment_id is not null
group by payment_id
order by max(billed_date) is null, max(billed_date) desc, payment_id desc
"""
# The charges of an invoice by type, and by type and result; `listed` is `shipping` or `shipping,matched`.
LISTS = """
select charge_type, status, count(*) as charges, concat_ws(',', charge_type, status) as name
from invoice_reconciliation
where payment_id = $invoice::bigint
group by grouping sets ((charge_type, status), (charge_type))
order by charge_type, status nulls first
"""
OPEN, ALL = "To look at", "All"


def controls(snapshot: Snapshot, url: filters.Url) -> filters.Elements:
    return {
        **filters.choose_row(snapshot, url, "charges", filters.MONTHS, "With charges of", everything="Any month"),
        "show": filters.choose_word(url, "show", [ALL, OPEN], "Show")["show"],
        **filters.choose_row(snapshot, url, "invoice", INVOICES, "Invoice", everything="The list", searchable=True),
    }


def picks(snapshot: Snapshot, url: filters.Url, selection: Selection) -> filters.Elements:
    """Return the pickers for the charges listed on the page of an invoice."""
    if not selection.get("invoice"):
        return {}
    rows = snapshot.query(LISTS, **selection).rows
    options = {
        f"{label(row['charge_type'])}, {words(row['status'] or 'all')} ({row['charges']:,})": row["name"]
        for row in rows
    }
    return filters.choose_among(url, "listed", {"None": None} | options, "Charges listed")


def invoices(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The list of invoices."""
    if selection.get("invoice"):
        return None
    settings, month = load_settings(), selection.get("charges")
    listed = read_invoices(snapshot.file, settings, date.fromisoformat(f"{month}-01") if month else None)
    shown = [each for each in listed if each.is_open or selection.get("show") != OPEN]
    kept = {name: selection[name] for name in ("charges", "show") if selection.get(name)}
    amounts = sum_open_amounts(finding for each in shown for finding in each.findings)
    if not shown:
        note = "An invoice appears here until it is decided on, and again when it changes."
        return Panel("No invoice to review", note=note, wide=True)
    taxed = "Totals and payments are with tax; recoverable and in your favour before tax."
    return Panel(
        f"{count(len(shown), 'invoice')}: {amounts.text(settings.currency)}",
        QueryResult.of([_row(each) for each in shown]),
        note=f"{taxed} Amounts in {settings.currency}.",
        name="invoices",
        wide=True,
        links={"invoice": lambda row: filters.page_link("invoices", **kept, invoice=row["invoice"])},
    )


def _row(invoice: Invoice) -> dict[str, Any]:
    amounts, decision = invoice.open_amounts, invoice.decision
    return {
        "billed": str(invoice.billed_date or "not billed"),
        "invoice": str(invoice.payment_id),
        "total": invoice.total.total,
        "tie_out": _tie_out_word(invoice.difference),
        "difference": invoice.difference,
        "recoverable": amounts.recoverable,
        "in_your_favour": amounts.in_your_favour,
        "open": invoice.open_exceptions,
        "dispute_by": "past" if invoice.is_past else str(invoice.dispute_until or ""),
        "decision": decision_word(invoice),
        "to_pay": decision.amount if decision else None,
        "recommended": invoice.recommended.total,
    }


def _tie_out_word(difference: Decimal | None) -> str:
    if difference is None:
        return "no total typed"
    return f"paper {'lower' if difference < 0 else 'higher'}" if difference else "ties"


def decision_word(invoice: Invoice) -> str:
    if invoice.decision is None:
        return ""
    changed = ", changed since" if invoice.changes else ""
    said = "Approved by tolerance" if invoice.decision.is_by_tolerance else DECISION_TEXTS[invoice.decision.decision]
    return said + changed
