"""The letter to the warehouse: what is disputed on an invoice, and what shows it.

In: a `Reconciliation` of one invoice. Out: Markdown, or plain text where the file ends in .txt. Nothing that is not
said to be disputed stands in it. Next: whoever sends it.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from logentic.errors import UsageError
from logentic.reports.delivery import delivered
from logentic.reports.exceptions import Finding
from logentic.reports.reconciliation import Reconciliation
from logentic.reports.tie_out import with_taxes
from logentic.settings import Tax


def write_letter(found: Reconciliation, taxes: list[Tax], path: Path) -> int:
    """Write it; how many charges it disputes."""
    disputed = [finding for finding in found.findings if finding.status == "disputed"]
    if not disputed:
        raise UsageError(
            f"nothing on invoice {found.invoice} is disputed",
            f"Say what is: logentic exceptions set ID disputed --db {found.file}",
        )
    lines = _lines(found, disputed, taxes, is_plain=path.suffix.lower() == ".txt")
    with delivered("--letter", path, ".md", ".txt") as partial:
        partial.write_text("\n".join(lines) + "\n", "utf-8")
    return len(disputed)


def _lines(found: Reconciliation, disputed: list[Finding], taxes: list[Tax], *, is_plain: bool) -> Iterator[str]:
    def text(words: object) -> str:
        return str(words) if is_plain else re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", str(words))

    total = sum((finding.amount_at_stake for finding in disputed), Decimal(0))
    title = f"Invoice {found.invoice}: charges that we dispute"
    yield title if is_plain else f"# {title}"
    yield "=" * len(title) if is_plain else ""
    if is_plain:
        yield ""
    billed = f" of {found.billed_date}" if found.billed_date else ""
    count = "one charge" if len(disputed) == 1 else f"{len(disputed)} charges"
    yield f"On invoice {found.invoice}{billed} we dispute {count}. At stake: {total:,.2f} {found.currency} before tax,"
    yield f"{with_taxes(total, taxes):,.2f} {found.currency} with the taxes on it."
    yield "Please credit them, or tell us for each what makes it right."
    for number, finding in enumerate(disputed, start=1):
        subject = f"charge {finding.charge_id}" if finding.charge_id else "a charge that is missing"
        kind = f", {finding.charge_type}" if finding.charge_type else ""
        yield ""
        head = (
            f"{number}. {subject[0].upper()}{subject[1:]}{text(kind)}: {finding.amount_at_stake:,.2f} {found.currency}"
        )
        yield head if is_plain else f"## {head}"
        yield ""
        yield f"{text(finding.evidence)} (Our reference: {text(finding.exception_id)}.)"
    yield ""
    last = min((f.dispute_until for f in disputed if f.dispute_until), default=None)
    if last:
        yield f"We hold that these charges can be disputed until {last}."
    yield f"Our numbers are those of your API as of {found.known_at:%Y-%m-%d %H:%M} UTC."
