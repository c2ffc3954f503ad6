"""Write the letter to the warehouse: disputed charges of an invoice, the evidence, and the request for each."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from shlex import quote
from typing import Any

from logentic.currencies import minor_unit, money
from logentic.errors import UsageError
from logentic.reports.exceptions import Finding
from logentic.reports.output_files import output_file
from logentic.reports.reconciliation import Reconciliation
from logentic.reports.tie_out import with_taxes
from logentic.sanitizer import one_line
from logentic.settings import Tax


def write_letter(found: Reconciliation, taxes: list[Tax], path: Path) -> int:
    """Write the letter and return the number of disputed charges."""
    disputed = [finding for finding in found.findings if finding.status == "disputed"]
    disputed.sort(key=lambda finding: finding.is_underbilled)
    if not disputed:
        raise UsageError(
            f"nothing on invoice {found.invoice} is disputed",
            f"Say what is: logentic exceptions set ID disputed --db {quote(str(found.file))}",
        )
    is_plain = path.suffix.lower() == ".txt"
    with output_file("--letter", path, ".md", ".txt") as partial:
        partial.write_text("\n".join(_lines(found, disputed, taxes, is_plain=is_plain)) + "\n", "utf-8")
    return len(disputed)


def _lines(found: Reconciliation, disputed: list[Finding], taxes: list[Tax], *, is_plain: bool) -> Iterator[str]:
    billed = f" of {found.billed_date}" if found.billed_date else ""
    title = f"Invoice {found.invoice}{billed}: charges that we dispute"
    yield title if is_plain else f"# {title}"
    if is_plain:
        yield "=" * len(title)
    yield ""
    yield from _totals(found, disputed, taxes)
    names = [column.name for column in found.charges.columns]
    charges = {row[0]: dict(zip(names, row, strict=True)) for row in found.charges.rows}
    for number, finding in enumerate(disputed, start=1):
        what = "A charge that is missing" if finding.charge_id is None else f"Charge {finding.charge_id}"
        low = " too low" if finding.charge_id is not None and finding.is_underbilled else ""
        head = f"{number}. {what}: {money(finding.amount_at_stake, found.currency)} {found.currency}{low}"
        yield ""
        yield head if is_plain else f"## {head}"
        yield ""
        charge = charges.get(finding.charge_id, {})
        for label, words in _facts(finding, charge, found.currency):
            said = one_line(words)
            yield f"   {label}: {said}" if is_plain else f"- {label}: {_escaped(said)}"
    yield ""
    if found.unreadable:
        yield found.unreadable_sentence
    yield f"Our numbers are those of your API as of {found.known_at:%Y-%m-%d %H:%M} UTC."


def _totals(found: Reconciliation, disputed: list[Finding], taxes: list[Tax]) -> Iterator[str]:
    """Yield the sum that we ask back, and separately the sum that was billed too low: the two must not be netted."""
    too_low = [finding for finding in disputed if finding.is_underbilled]
    too_high = [finding for finding in disputed if not finding.is_underbilled]
    if too_high:
        total = sum((finding.amount_at_stake for finding in too_high), Decimal(0))
        count = "one charge" if len(too_high) == 1 else f"{len(too_high)} charges"
        yield f"We dispute {count}, by {money(total, found.currency)} {found.currency} before tax,"
        taxed = with_taxes(total, taxes, minor_unit(found.currency))
        yield f"{money(taxed, found.currency)} {found.currency} with the taxes on it."
    if too_low:
        total = sum((finding.amount_at_stake for finding in too_low), Decimal(0))
        count = "One charge is" if len(too_low) == 1 else f"{len(too_low)} charges are"
        yield f"{count} too low or missing, by {money(total, found.currency)} {found.currency} before tax."
    today = found.known_at.date()
    last = min((f.dispute_until for f in disputed if f.dispute_until and f.dispute_until >= today), default=None)
    yield f"What we ask stands below each. Please answer{f' by {last}' if last else ''}."


def _facts(finding: Finding, charge: dict[str, Any], currency: str) -> Iterator[tuple[str, str]]:
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
    if finding.charge_id is not None and finding.billed is not None:
        yield "Billed", f"{money(finding.billed, currency)} {currency}"
    yield "What we see", finding.evidence
    yield "What we ask", finding.request or ""
    yield "Our reference", finding.exception_id


def _escaped(words: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|~&])", r"\\\1", words)
