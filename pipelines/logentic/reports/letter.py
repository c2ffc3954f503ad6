"""Compose the letter to the warehouse: disputed charges of an invoice or a month, the evidence, and the request."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from shlex import quote
from typing import Any

from logentic.currencies import minor_unit, money
from logentic.errors import UsageError
from logentic.reports.exceptions import Finding
from logentic.reports.humanize import count
from logentic.reports.letter_formats import RENDERERS, Evidence, Letter, SummaryTable
from logentic.reports.output_files import output_file
from logentic.reports.reconciliation import Reconciliation, address_lines
from logentic.reports.tie_out import TieOut, taxed_total
from logentic.sanitizer import one_line
from logentic.settings import Settings

SALUTATION = "Dear accounts receivable team,"


def write_letter(found: Reconciliation, settings: Settings, path: Path) -> Letter:
    """Write the letter in the format given by the file's ending, and return it."""
    with output_file("--letter", path, *RENDERERS) as partial:
        letter = compose_letter(found, settings)
        partial.write_bytes(RENDERERS[path.suffix.lower()](letter))
    return letter


def compose_letter(found: Reconciliation, settings: Settings) -> Letter:
    """Compose the letter on everything disputed and recoverable; amounts in your favour are not claimed."""
    disputed = list(filter(has_request, found.findings))
    if not disputed:
        of_what = f"invoice {found.invoice}" if found.invoice is not None else f"the charges of {found.month:%Y-%m}"
        raise UsageError(
            f"nothing on {of_what} is disputed and recoverable",
            f"Dispute an exception: logentic exceptions set ID disputed --db {quote(str(found.file))}",
        )
    currency, today = found.currency, found.known_at.date()
    total = _disputed_total(found, sum((finding.amount_at_stake for finding in disputed), Decimal(0)), settings)
    billed = f" of {_day(found.billed_date)}" if found.billed_date else ""
    of_what = f"invoice {found.invoice}{billed}" if found.invoice is not None else f"charges of {found.month:%B %Y}"
    how_many, before_tax = count(len(disputed), "charge"), f"{money(total.subtotal, currency)} {currency}"
    with_tax = f"{money(total.total, currency)} {currency}"
    answer = answer_date(disputed, today, settings.answer_days)
    names = [column.name for column in found.charges.columns]
    charges = {row[0]: dict(zip(names, row, strict=True)) for row in found.charges.rows}
    company = address_lines(settings.company_address)
    totals = [
        ("Total before tax", money(total.subtotal, currency)),
        *((f"{tax.name} {tax.rate} %", money(amount, currency)) for tax, amount in total.taxes),
        ("Total with tax", money(total.total, currency)),
    ]
    return Letter(
        sender=company,
        recipient=address_lines(settings.warehouse_address),
        date=_day(today),
        subject=f"{of_what[0].upper()}{of_what[1:]}: {how_many} in dispute, {before_tax} before tax",
        salutation=SALUTATION,
        opening=(
            f"We have compared your {of_what} with the records of your API, and dispute {how_many},"
            f" by {before_tax} before tax, {with_tax} with the taxes on it. The table below sums them up;"
            " the evidence for each charge follows.",
        ),
        summary=SummaryTable(
            ("No.", *([] if found.month is None else ["Invoice"]), "Charge", "What it is", "Billed", "Disputed"),
            [_summary_row(number, each, charges, found) for number, each in enumerate(disputed, start=1)],
            totals,
            f"Amounts in {currency}.",
        ),
        request=(
            f"{_payment(found)}Please answer by {_day(answer)}: {_asked(found, before_tax)}, or tell us why a charge is"
            " right. The details of each request are given with the charge.",
        ),
        evidence=[
            Evidence(
                f"{number}. Charge {each.charge_id}: {money(each.amount_at_stake, currency)} {currency}",
                [(label, one_line(words)) for label, words in _facts(each, charges.get(each.charge_id, {}), found)],
            )
            for number, each in enumerate(disputed, start=1)
        ],
        remarks=(
            *([found.unreadable_sentence] if found.unreadable else []),
            f"Our figures are those of your API as of {found.known_at:%Y-%m-%d %H:%M} UTC.",
        ),
        closing="Yours sincerely,",
        signature=address_lines(settings.signature) or company[:1],
    )


def _disputed_total(found: Reconciliation, disputed: Decimal, settings: Settings) -> TieOut:
    """Return the disputed amount with its taxes.

    For an invoice, the taxes are those of all charges less those of the remaining ones, so that payment and disputed
    total add up to the invoice, to the cent.
    """
    unit = minor_unit(found.currency)
    alone = taxed_total(disputed, settings.taxes, unit)
    if found.tie_out is None:
        return alone
    whole, remaining = (
        taxed_total(amount, settings.taxes, unit)
        for amount in (found.tie_out.subtotal, found.tie_out.subtotal - alone.subtotal)
    )
    taxes = tuple((tax, of - less) for (tax, of), (_, less) in zip(whole.taxes, remaining.taxes, strict=True))
    return replace(alone, taxes=taxes, total=whole.total - remaining.total)


def _payment(found: Reconciliation) -> str:
    """Return the decision on the payment as a sentence; empty if there is none."""
    if found.decision is None or found.tie_out is None:
        return ""
    match found.decision.decision:
        case "approve":
            return "We pay the invoice in full. "
        case "hold":
            return "We do not pay the invoice until this is settled. "
    paid = found.decision.amount or Decimal(0)
    withheld = found.tie_out.payable - paid
    amounts = (f"{money(amount, found.currency)} {found.currency}" for amount in (paid, withheld))
    return "We pay {} of the invoice and withhold {}, with tax. ".format(*amounts)


def _asked(found: Reconciliation, before_tax: str) -> str:
    """Return the credit to ask for: on this invoice if its payment is withheld, otherwise on the next one."""
    of = f"credit {before_tax} and the taxes on it"
    if found.decision is None or found.decision.decision == "approve":
        return f"{of} on your next invoice"
    return f"{of} against this invoice"


def has_request(finding: Finding) -> bool:
    """Return whether the letter claims it: it is disputed, and recoverable."""
    return finding.status == "disputed" and not finding.is_underbilled


def answer_date(disputed: list[Finding], today: date, answer_days: int) -> date:
    """Return the requested day of an answer: never after the last day to dispute one of the charges."""
    days = [each.dispute_until for each in disputed if each.dispute_until and each.dispute_until >= today]
    return min([today + timedelta(answer_days), *days])


def missing_settings(settings: Settings) -> list[str]:
    """Return the settings without which the letter has no sender, recipient or signature."""
    return [name for name in ("company_address", "warehouse_address", "signature") if not getattr(settings, name)]


def _summary_row(
    number: int, finding: Finding, charges: dict[int, dict[str, Any]], found: Reconciliation
) -> tuple[str, ...]:
    charge = charges.get(finding.charge_id or 0, {})
    order, sku = finding.order_id, charge.get("sku")
    about = [finding.charge_type, f"order {order}" if order else None, f"item {sku}" if sku else None]
    return (
        str(number),
        *([] if found.month is None else [str(finding.payment_id or "")]),
        str(finding.charge_id or ""),
        one_line(", ".join(part for part in about if part)),
        "" if finding.billed is None else money(finding.billed, found.currency),
        money(finding.amount_at_stake, found.currency),
    )


def _facts(finding: Finding, charge: dict[str, Any], found: Reconciliation) -> Iterator[tuple[str, str]]:
    days = [str(day) for day in dict.fromkeys((finding.start_date, finding.end_date)) if day]
    described = charge.get("description") or ""
    order, sku = finding.order_id, charge.get("sku")
    about = [
        finding.charge_type,
        described,
        f"order {order}" if order and str(order) not in described else None,
        f"item {sku}" if sku and sku not in described else None,
        " to ".join(days),
    ]
    yield "What it is", ", ".join(part for part in about if part)
    if found.month is not None and finding.payment_id is not None:
        yield "Invoice", str(finding.payment_id)
    if finding.billed is not None:
        yield "Billed", f"{money(finding.billed, found.currency)} {found.currency}"
    yield "What we see", finding.evidence
    yield "What we ask", finding.request or ""
    yield "Our reference", finding.exception_id


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
