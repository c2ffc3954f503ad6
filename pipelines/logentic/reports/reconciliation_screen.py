"""Print a reconciliation, or return it as JSON."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from logentic.currencies import money
from logentic.reports import exceptions
from logentic.reports.cover import build_cover, tie_out_lines
from logentic.reports.reconciliation import Reconciliation


def print_reconciliation(found: Reconciliation, console: Console) -> None:
    """Print the lines of the cover, then the exceptions."""
    cover = build_cover(found)
    console.print(Text(cover.title, style="bold"), Text(cover.subtitle, style="dim"), sep="\n")
    for part in (each for each in cover.parts if each.is_on_screen):
        table = Table(title=part.heading, title_justify="left", title_style="bold", box=None, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column()
        for line in part.lines:
            shown = "" if line.number is None or line.noun else f"{line.number:,}"
            if line.amount is not None:
                shown = money(line.amount, found.currency)
            cells = (Text(line.label), Text(shown), Text(line.sentence))
            table.add_row(*cells, style="bold red" if line.is_wrong else None)
        console.print("", table, sep="\n")
    if found.findings:
        console.print()
        exceptions.print_exceptions(found.findings, console, found.currency)


def as_dict(found: Reconciliation) -> dict[str, Any]:
    return {
        "file": str(found.file),
        "invoice": found.invoice,
        "month": f"{found.month:%Y-%m}" if found.month else None,
        "known_at": found.known_at.isoformat(),
        "currency": found.currency,
        "tie_out": _tie(found),
        "books": _books(found),
        "charges": [{"charge_type": kind, **_counted(found, kind)} for kind in found.types],
        "total": _counted(found, None),
        "recoverable": str(found.open_amounts.recoverable),
        "in_your_favour": str(found.open_amounts.in_your_favour),
        "recommended_payment": None if found.recommended is None else str(found.recommended.total),
        "decision": None if found.decision is None else found.decision.as_dict(),
        "unreadable_amounts": found.unreadable,
        "storage_rate_changes": [
            {"since": str(each.since), "monthly_cost": str(each.monthly_cost), "yearly_cost": str(each.yearly_cost)}
            | {"finding": each.finding}
            for each in found.rate_changes
        ],
        "exceptions": exceptions.as_dicts(found.findings),
        "not_checked": [
            {name: value if isinstance(value, int | None) else str(value) for name, value in row.items()}
            for row in found.not_checked
        ],
        "incomplete": found.incomplete,
    }


def _tie(found: Reconciliation) -> dict[str, Any] | None:
    if found.tie_out is None:
        return None
    return {
        "lines": [[line.label, None if line.amount is None else str(line.amount)] for line in tie_out_lines(found)],
        "difference": None if found.tie_out.paper is None else str(found.tie_out.difference),
        "explanations": list(found.tie_out.explanations),
        "charges": list(found.tie_out.charges),
    }


def _books(found: Reconciliation) -> dict[str, Any] | None:
    if found.books is None:
        return None
    return {name: value if isinstance(value, int | None) else str(value) for name, value in asdict(found.books).items()}


def _counted(found: Reconciliation, kind: str | None) -> dict[str, Any]:
    count, billed = found.amount_of(None, kind)
    states = ("matched", "exception", "settled", "not_checked")
    amounts = {"billed": billed} | {name: found.amount_of(name, kind)[1] for name in states}
    amounts |= {name: found.amount_of(None, kind, name)[1] for name in ("expected", "difference")}
    return {"count": count} | {name: str(amount) for name, amount in amounts.items()}
