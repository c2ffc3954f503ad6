"""FILE beside the account: opened, compared, told to a person or a program."""

from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from logentic.reports.published import open_published
from logentic.settings import Settings
from logentic.verify.stored_counts import StoredCounts
from logentic.verify.verification import Verdict, verify

IDS_SHOWN = 20


def verify_file(settings: Settings, file: Path, start: date | None, end: date | None) -> list[Verdict]:
    with open_published(file) as published:
        return verify(settings, partial(StoredCounts.open, published), start, end)


def as_dict(file: Path, verdicts: list[Verdict]) -> dict[str, Any]:
    return {
        "file": str(file),
        "resources": {verdict.resource: asdict(verdict) for verdict in verdicts},
        "differences": sum(len(verdict.differences) for verdict in verdicts),
        "mend": _mends(file, verdicts),
    }


def show(file: Path, verdicts: list[Verdict], console: Console) -> None:
    table = Table(title=str(file), title_justify="left", box=None, padding=(0, 1, 0, 0))
    for name in ("", "records", "read until (UTC)", "missing", "surplus", "requests"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for verdict in verdicts:
        until = f"{verdict.compared_until:%Y-%m-%d %H:%M}" if verdict.compared_until else "never"
        missing, surplus = (
            sum(len(getattr(difference, side)) for difference in verdict.differences) for side in ("missing", "surplus")
        )
        counts = (f"{verdict.held:,}", until, f"{missing:,}", f"{surplus:,}", f"{verdict.requests:,}")
        table.add_row(verdict.resource, *counts)
    console.print(table)
    for verdict in verdicts:
        for difference in verdict.differences:
            day = f" {difference.day}" if difference.day else ""
            for ids, what in ((difference.missing, "not in the file"), (difference.surplus, "only in the file")):
                if ids:
                    console.print(Text(f"{verdict.resource}{day}: {what}: {_listed(ids)}"))
        for unclear in verdict.unclear:
            console.print(Text(f"{verdict.resource}: not compared: {unclear}"))
    for command in _mends(file, verdicts):
        console.print(Text(f"mend it: {command}"), soft_wrap=True)
    if not any(verdict.differences or verdict.unclear or verdict.failure for verdict in verdicts):
        console.print("the file holds what the account holds")


def _mends(file: Path, verdicts: list[Verdict]) -> list[str]:
    """One run for each resource that differs, of the days that do."""
    commands = []
    for verdict in verdicts:
        days = [difference.day for difference in verdict.differences if difference.day]
        if verdict.differences:
            span = f" --start {min(days)} --end {max(days)}" if days else ""
            if verdict.read_from:
                span = f" --start {verdict.read_from}"
            commands.append(f"logentic run --db {quote(str(file))}{span} --select {verdict.resource}")
    return commands


def _listed(ids: list[int]) -> str:
    shown = ", ".join(map(str, ids[:IDS_SHOWN]))
    return shown + (f" and {len(ids) - IDS_SHOWN:,} more" if len(ids) > IDS_SHOWN else "")
