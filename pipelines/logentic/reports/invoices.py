"""List the invoices, each with its total, tie-out, exceptions, deadline and decision."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from logentic.currencies import minor_unit, money
from logentic.errors import UsageError
from logentic.reports.exceptions import Finding, OpenAmounts, Recovery, read_findings, sum_open_amounts, sum_recovery
from logentic.reports.humanize import count
from logentic.reports.invoice_decisions import Decision, read_decisions
from logentic.reports.invoice_totals import read_invoice_totals
from logentic.reports.published_file import (
    list_newest_invoices,
    open_published,
    read_records,
    require_charges,
)
from logentic.reports.reconciliation import OF_MONTH
from logentic.reports.supporting_sheets import AMOUNTS
from logentic.reports.tie_out import TieOut, cents, recommended_payment, taxed_total
from logentic.settings import Settings

OF_CHOSEN_MONTH = OF_MONTH.replace("$1", "$month")
INVOICES = f"""
select
    payment_id, max(billed_date) as billed_date, count(*) as charges, coalesce(sum(amount), 0) as subtotal,
    coalesce(sum(not_checked), 0) as not_checked, coalesce(sum(abs(not_checked)), 0) as unchecked,
    count(*) filter (where is_amount_unreadable) as unreadable
from (
    select charges.charge_id, charges.payment_id, charges.billed_date, charges.amount, charges.is_amount_unreadable,
        {AMOUNTS}
    from charges
    inner join invoice_reconciliation as checked on charges.charge_id = checked.charge_id
    where charges.payment_id is not null and not charges.is_withdrawn
)
where $month is null or payment_id in (select payment_id from charges where charge_id in ({OF_CHOSEN_MONTH}))
group by payment_id
order by billed_date desc nulls first, payment_id desc
"""
ROW = "{:<10} {:>7} {:>11} {:>9} {:>11} {:>9} {:>4} {:>10}"


@dataclass(frozen=True)
class Invoice:
    """An invoice, with the amounts that `reconcile` shows for it.

    `billed_date` is None while it is not billed. `total` is with tax; `invoice_total` is the total that finance
    received, None until it is typed. `not_checked` is before tax; `unchecked` is the same, but adds credits and charges
    without their signs. `decisions` has the newest first.
    """

    payment_id: int
    billed_date: date | None
    currency: str
    charges: int
    total: TieOut
    invoice_total: Decimal | None
    recommended: TieOut
    not_checked: Decimal
    unchecked: Decimal
    unreadable: int
    findings: list[Finding]
    decisions: tuple[Decision, ...]

    @property
    def difference(self) -> Decimal | None:
        """Return the invoice total less the total of the charges; None without an invoice total."""
        return None if self.invoice_total is None else self.invoice_total - self.total.total

    @property
    def payable(self) -> Decimal:
        """Return the payment if approved in full: the invoice total, else the total of the charges."""
        return self.total.total if self.invoice_total is None else self.invoice_total

    @property
    def decision(self) -> Decision | None:
        """Return the current decision: the last one."""
        return self.decisions[0] if self.decisions else None

    @property
    def changes(self) -> list[str]:
        """Return what has changed since the decision on the invoice."""
        if self.decision is None:
            return []
        before, recoverable, currency = self.decision, self.open_amounts.recoverable, self.currency
        changed = []
        if self.total.total != before.total:
            was, now = money(before.total, currency), money(self.total.total, currency)
            changed.append(f"Since then the total has changed from {was} to {now}.")
        if recoverable > before.recoverable:
            was, now = money(before.recoverable, currency), money(recoverable, currency)
            changed.append(f"Since then more is recoverable: {now} instead of {was}.")
        return changed

    @property
    def recovery(self) -> Recovery:
        return sum_recovery(self.findings)

    @property
    def open_amounts(self) -> OpenAmounts:
        return sum_open_amounts(self.findings)

    @property
    def open_exceptions(self) -> int:
        return sum(finding.status == "open" for finding in self.findings)

    @property
    def dispute_until(self) -> date | None:
        """Return the nearest last day on which an open exception can still be disputed."""
        days = (each.dispute_until for each in self._disputable if not each.is_past)
        return min((day for day in days if day), default=None)

    @property
    def is_past(self) -> bool:
        """Return whether the deadline of all open exceptions has passed."""
        return bool(self._disputable) and self.dispute_until is None

    @property
    def is_open(self) -> bool:
        """Return whether it needs attention: a decision, a new decision after a change, or decisions on its
        exceptions.
        """
        is_decided = self.decision is not None and self.decision.decision != "hold"
        return self.open_exceptions > 0 or bool(self.changes) or (self.billed_date is not None and not is_decided)

    @property
    def _disputable(self) -> list[Finding]:
        return [each for each in self.findings if each.days_left is not None and not each.is_underbilled]

    def as_dict(self) -> dict[str, Any]:
        amounts = self.open_amounts
        return {
            "invoice": self.payment_id,
            "billed_date": self.billed_date and str(self.billed_date),
            "currency": self.currency,
            "charges": self.charges,
            "subtotal": str(self.total.subtotal),
            "total": str(self.total.total),
            "invoice_total": None if self.invoice_total is None else str(self.invoice_total),
            "difference": None if self.difference is None else str(self.difference),
            "recoverable": str(amounts.recoverable),
            "in_your_favour": str(amounts.in_your_favour),
            "not_checked": str(self.not_checked),
            "unreadable_amounts": self.unreadable,
            "exceptions": len(self.findings),
            "open_exceptions": self.open_exceptions,
            "dispute_until": self.dispute_until and str(self.dispute_until),
            "recommended_payment": str(self.recommended.total),
            "recovery": {name: str(amount) for name, amount in asdict(self.recovery).items()},
            "is_open": self.is_open,
            "changed_since_decision": self.changes,
            "decisions": [decision.as_dict() for decision in self.decisions],
        }


def read_invoices(file: Path, settings: Settings, month: date | None = None) -> list[Invoice]:
    """Return the invoices, newest first; with `month` only those with a charge of it."""
    by_invoice: dict[int | None, list[Finding]] = defaultdict(list)
    for finding in read_findings(file):
        by_invoice[finding.payment_id].append(finding)
    with open_published(file) as published:
        totals = read_invoice_totals(published, file)
        decisions = read_decisions(published, file, minor_unit(settings.currency))
        rows = read_records(published, INVOICES, {"month": month})
        if not rows:
            require_charges(published, file, None, month)
    return [
        _invoice(row, by_invoice[number], totals.get(number), decisions[number], settings)
        for row in rows
        for number in [row["payment_id"]]
    ]


def read_invoice(file: Path, settings: Settings, number: int) -> Invoice:
    """Return one invoice; refuse a number that no invoice has."""
    found = next((each for each in read_invoices(file, settings) if each.payment_id == number), None)
    if found is None:
        with open_published(file) as published:
            raise UsageError(f"{file} has no invoice {number}", list_newest_invoices(published))
    return found


def _invoice(
    row: dict[str, Any],
    findings: list[Finding],
    invoice_total: Decimal | None,
    decisions: tuple[Decision, ...],
    settings: Settings,
) -> Invoice:
    unit = minor_unit(settings.currency)
    total = taxed_total(row["subtotal"], settings.taxes, unit)
    recoverable = sum_open_amounts(findings).recoverable
    return Invoice(
        payment_id=row["payment_id"],
        billed_date=row["billed_date"],
        currency=settings.currency,
        charges=row["charges"],
        total=total,
        invoice_total=None if invoice_total is None else cents(invoice_total, unit),
        recommended=recommended_payment(total.subtotal, recoverable, settings.taxes, settings.currency),
        not_checked=cents(row["not_checked"], unit),
        unchecked=cents(row["unchecked"], unit),
        unreadable=row["unreadable"],
        findings=findings,
        decisions=decisions,
    )


def print_invoices(invoices: list[Invoice], console: Console) -> None:
    """Print a row for each invoice, followed by the payments."""
    if not invoices:
        console.print("No invoices.")
        return
    heads = ("billed", "invoice", "total", "tie-out", "recoverable", "in favour", "open", "dispute by")
    console.print(ROW.format(*heads), style="bold")
    for invoice in invoices:
        amounts, currency = invoice.open_amounts, invoice.currency
        difference = "" if invoice.difference is None else f"{money(invoice.difference, currency)}"
        cells = (
            str(invoice.billed_date or "not billed"),
            invoice.payment_id,
            money(invoice.total.total, currency),
            "ties" if invoice.difference == 0 else difference,
            money(amounts.recoverable, currency),
            money(amounts.in_your_favour, currency),
            invoice.open_exceptions or "",
            "past" if invoice.is_past else str(invoice.dispute_until or ""),
        )
        row = Text(ROW.format(*cells))
        if invoice.difference:
            row.highlight_words([difference], "bold red")
        console.print(row, *(Padding(Text(line), (0, 0, 0, 4)) for line in _notes(invoice)))
    console.print(_sum_text(invoices))


def _notes(invoice: Invoice) -> Iterator[str]:
    """Yield the difference of the invoice total, the decision or the recommended payment, later changes, and what was
    recovered.
    """
    currency = invoice.currency
    if invoice.difference:
        side = "lower" if invoice.difference < 0 else "higher"
        yield f"The paper is {money(abs(invoice.difference), currency)} {side} than the charges with tax."
    if invoice.decision:
        yield invoice.decision.text(currency)
    elif invoice.billed_date:
        yield f"Not decided. Recommended payment {money(invoice.recommended.total, currency)}."
    yield from invoice.changes
    became = {name: amount for name, amount in asdict(invoice.recovery).items() if amount}
    if became.keys() - {"found"}:
        amounts = ", ".join(f"{name} {money(amount, currency)}" for name, amount in became.items())
        yield f"Recoverable to date: {amounts}."


def _sum_text(invoices: Iterable[Invoice]) -> str:
    listed = list(invoices)
    amounts = sum_open_amounts(finding for invoice in listed for finding in invoice.findings)
    currency = listed[0].currency
    return (
        f"{count(len(listed), 'invoice')}: {amounts.text(currency)}, before tax.\n"
        f"Totals and payments are with tax. All amounts in {currency}."
    )
