"""Decide on the payment of an invoice: by a person, or automatically within the tolerance of the settings."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from logentic.audit_log import INVOICE_DECISIONS, Row
from logentic.currencies import minor_unit, money
from logentic.errors import UsageError
from logentic.reports.exceptions import plain_text
from logentic.reports.invoice_decisions import BY_PERSON, BY_TOLERANCE, DECISIONS
from logentic.reports.invoices import Invoice, read_invoice, read_invoices
from logentic.reports.published_file import open_published, read_known_at
from logentic.reports.status import read_status
from logentic.settings import Settings
from logentic.state import State


def record_invoice_decision(
    file: Path,
    settings: Settings,
    number: int,
    decision: str,
    by: str,
    *,
    amount: Decimal | None = None,
    note: str | None = None,
) -> Invoice:
    """Record a person's decision on an invoice, and return the invoice.

    Without `amount`, partial approval pays the recommended payment.
    """
    if decision not in DECISIONS:
        raise UsageError(f"{decision!r} is no decision", f"Choose among: {', '.join(DECISIONS)}.")
    invoice = read_invoice(file, settings, number)
    row = {
        "decision": decision,
        "amount": _amount_to_pay(invoice, decision, amount),
        "note": note and plain_text(note),
        "decided_by": plain_text(by),
        "method": BY_PERSON,
    }
    _append(file, invoice, row)
    return read_invoice(file, settings, number)


def approve_by_tolerance(file: Path, settings: Settings) -> list[Invoice]:
    """Approve and return the invoices within the setting `approval_tolerance`; none without the setting.

    The sum of the recoverable amount and the amount not checked must not exceed it, nor may a typed invoice total
    differ by more. Invoices that have a decision, or that can no longer be disputed, are skipped; all of them are while
    any data is incomplete.
    """
    tolerance = settings.approval_tolerance
    if tolerance is None or any(read["incomplete_windows"] for read in read_status(file)["resources"].values()):
        return []
    with open_published(file) as published:
        today = read_known_at(published).date()
    approved = [
        invoice
        for invoice in read_invoices(file, settings)
        if invoice.billed_date
        and today <= invoice.billed_date + timedelta(settings.dispute_days)
        and invoice.decision is None
        and not invoice.unreadable
        and invoice.open_amounts.recoverable + invoice.unchecked <= tolerance
        and abs(invoice.difference or Decimal(0)) <= tolerance
    ]
    for invoice in approved:
        row = {"decision": "approve", "amount": invoice.payable, "decided_by": "approval_tolerance"}
        note = f"within the tolerance of {money(tolerance, settings.currency)}"
        _append(file, invoice, {**row, "note": note, "method": BY_TOLERANCE})
    numbers = {invoice.payment_id for invoice in approved}
    return [invoice for invoice in read_invoices(file, settings) if invoice.payment_id in numbers] if numbers else []


def _amount_to_pay(invoice: Invoice, decision: str, amount: Decimal | None) -> Decimal | None:
    """Return the amount that the decision pays; refuse an amount that contradicts the invoice."""
    currency, payable = invoice.currency, invoice.payable
    if invoice.billed_date is None:
        raise UsageError(f"invoice {invoice.payment_id} is not billed yet", "Decide on it once it is.")
    if decision != "approve_in_part":
        if amount is not None:
            raise UsageError(f"--amount goes with approve_in_part, not with {decision}", "Leave it out.")
        if decision == "approve" and invoice.unreadable and invoice.invoice_total is None:
            raise UsageError(
                f"invoice {invoice.payment_id} has charges whose amounts could not be read, so its total is not known",
                "Type the total first: logentic reconcile --invoice N --invoice-total AMOUNT.",
            )
        return payable if decision == "approve" else None
    part = invoice.recommended.total if amount is None else amount.quantize(minor_unit(currency))
    if not min(Decimal(0), payable) < part < max(Decimal(0), payable):
        what = "the recommended payment" if amount is None else "--amount"
        raise UsageError(
            f"{what}, {money(part, currency)}, is no part of {money(payable, currency)}",
            "Approve the invoice, hold it, or give the amount to pay: --amount.",
        )
    return part


def _append(file: Path, invoice: Invoice, row: Row) -> None:
    state, amounts = State(file.absolute()), invoice.open_amounts
    state.prepare()
    with open_published(file) as published:
        known = read_known_at(published)
    exceptions = [
        {
            "exception_id": finding.exception_id,
            "status": finding.status,
            "direction": finding.direction,
            "amount": str(finding.amount_at_stake),
        }
        for finding in invoice.findings
    ]
    as_known = {
        "payment_id": invoice.payment_id,
        "decided_at": datetime.now(UTC),
        "known_at": known,
        "currency": invoice.currency,
        "billed_date": invoice.billed_date,
        "total": invoice.total.total,
        "invoice_total": invoice.invoice_total,
        "recommended": invoice.recommended.total,
        "recoverable": amounts.recoverable,
        "in_your_favour": amounts.in_your_favour,
        "not_checked": invoice.not_checked,
        "exceptions": json.dumps(exceptions),
    }
    INVOICE_DECISIONS.append(state.folder, [as_known | row])
