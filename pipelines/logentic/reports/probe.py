"""Print what `logentic check` found, or return it as JSON."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from logentic.api.probe import AccountProbe, FilterBounds, ListProbe

QUESTIONS: dict[str, Callable[[ListProbe], str]] = {
    "status": lambda probe: "no answer" if probe.status is None else str(probe.status),
    "rows": lambda probe: "" if probe.total is None else f"{probe.total:,}",
    "page size, of 250": lambda probe: str(probe.page_size or ""),
    "sorted by": lambda probe: probe.sorted_by or "",
    "start included": lambda probe: _bounds(probe, lambda bounds: bounds.start_included),
    "end included": lambda probe: _bounds(probe, lambda bounds: bounds.end_included),
    "decimals": lambda probe: probe.decimals or "",
    "times": lambda probe: "\n".join(probe.times),
    "new fields": lambda probe: "\n".join(probe.new_fields),
    "missing fields": lambda probe: "\n".join(probe.missing_fields),
    "pseudonymized": lambda probe: "\n".join(probe.personal_fields),
}


def as_dict(found: AccountProbe) -> dict[str, Any]:
    return {**asdict(found), "findings": found.findings()}


def print_probe(found: AccountProbe, console: Console) -> None:
    table = Table(title=found.base_url, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for name in ("", *(probe.resource for probe in found.lists)):
        table.add_column(name, overflow="fold")
    for question, read in QUESTIONS.items():
        cells = [read(probe) for probe in found.lists]
        if any(cells):
            table.add_row(question, *(Text(cell) for cell in cells))
    console.print(table)
    console.print(f"token: {found.token}")
    console.print(f"clock: {_clock(found)}")
    console.print(f"rate limit: {_rate_limit(found)}")
    console.print(f"{found.requests} requests, {len(found.findings())} findings")


def _bounds(probe: ListProbe, read: Callable[[FilterBounds], bool | None]) -> str:
    words = {True: "yes", False: "no", None: "not seen"}
    return "\n".join(
        (f"{bounds.filter.partition('_start')[0].partition(',')[0]}: " if len(probe.ends) > 1 else "")
        + words[read(bounds)]
        for bounds in probe.ends
    )


def _clock(found: AccountProbe) -> str:
    if found.seconds_ahead is None:
        return "the service does not send its time; this machine's clock is used"
    if not found.seconds_ahead:
        return "as this machine's"
    return f"{abs(found.seconds_ahead):,} s {'ahead of' if found.seconds_ahead > 0 else 'behind'} this machine's"


def _rate_limit(found: AccountProbe) -> str:
    if not found.rate_limit:
        return "none announced"
    return ", ".join(f"{name} {value:,}" for name, value in found.rate_limit.items())
