"""Compare FILE with the account, and print the result or return it as JSON."""

from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

from rich.console import Console
from rich.text import Text

from logentic.reports.published_file import open_published
from logentic.reports.terminal import plain_table
from logentic.settings import Settings
from logentic.verify.stored_counts import StoredCounts
from logentic.verify.verification import VerificationResult, verify

IDS_SHOWN = 20


def verify_file(settings: Settings, file: Path, start: date | None, end: date | None) -> list[VerificationResult]:
    with open_published(file) as published:
        return verify(settings, partial(StoredCounts.open, published), start, end)


def as_dict(file: Path, results: list[VerificationResult]) -> dict[str, Any]:
    return {
        "file": str(file),
        "resources": {result.resource: asdict(result) for result in results},
        "differences": sum(len(result.differences) for result in results),
        "mend": _repair_commands(file, results),
    }


def print_verification(file: Path, results: list[VerificationResult], console: Console) -> None:
    table = plain_table(str(file), "", "records", "read until (UTC)", "missing", "surplus", "requests")
    for result in results:
        until = f"{result.compared_until:%Y-%m-%d %H:%M}" if result.compared_until else "never"
        missing, surplus = (
            sum(len(getattr(difference, side)) for difference in result.differences) for side in ("missing", "surplus")
        )
        counts = (f"{result.held:,}", until, f"{missing:,}", f"{surplus:,}", f"{result.requests:,}")
        table.add_row(result.resource, *counts)
    console.print(table)
    for result in results:
        for difference in result.differences:
            day = f" {difference.day}" if difference.day else ""
            for ids, what in ((difference.missing, "not in the file"), (difference.surplus, "only in the file")):
                if ids:
                    console.print(Text(f"{result.resource}{day}: {what}: {_format_ids(ids)}"))
        for unclear in result.unclear:
            console.print(Text(f"{result.resource}: not compared: {unclear}"))
    for command in _repair_commands(file, results):
        console.print(Text(f"repair: {command}"), soft_wrap=True)
    if not any(result.differences or result.unclear or result.failure for result in results):
        console.print("the file matches the account")


def _repair_commands(file: Path, results: list[VerificationResult]) -> list[str]:
    """Return a command for each resource that differs, for the days that differ."""
    commands = []
    for result in results:
        days = [difference.day for difference in result.differences if difference.day]
        if result.differences:
            span = f" --start {min(days)} --end {max(days)}" if days else ""
            if result.read_from:
                span = f" --start {result.read_from}"
            commands.append(f"logentic run --db {quote(str(file))}{span} --select {result.resource}")
    return commands


def _format_ids(ids: list[int]) -> str:
    shown = ", ".join(map(str, ids[:IDS_SHOWN]))
    return shown + (f" and {len(ids) - IDS_SHOWN:,} more" if len(ids) > IDS_SHOWN else "")
