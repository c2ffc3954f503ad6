"""What `logentic check` was told, for a person and for a program."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from logentic.api.probe import AccountProbe, FilterBounds, ListProbe

QUESTIONS: dict[str, Callable[[ListProbe], str]] = {
    "status": lambda answer: "no answer" if answer.status is None else str(answer.status),
    "rows": lambda answer: "" if answer.total is None else f"{answer.total:,}",
    "page size, of 250": lambda answer: str(answer.page_size or ""),
    "sorted by": lambda answer: answer.sorted_by or "",
    "start included": lambda answer: _ends(answer, lambda ends: ends.start_included),
    "end included": lambda answer: _ends(answer, lambda ends: ends.end_included),
    "decimals": lambda answer: answer.decimals or "",
    "times": lambda answer: "\n".join(answer.times),
    "new fields": lambda answer: "\n".join(answer.new_fields),
    "missing fields": lambda answer: "\n".join(answer.missing_fields),
    "pseudonymized": lambda answer: "\n".join(answer.personal_fields),
}


def as_dict(answers: AccountProbe) -> dict[str, Any]:
    return {**asdict(answers), "findings": answers.findings()}


def show(answers: AccountProbe, console: Console) -> None:
    table = Table(title=answers.base_url, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for name in ("", *(answer.resource for answer in answers.lists)):
        table.add_column(name, overflow="fold")
    for question, told in QUESTIONS.items():
        cells = [told(answer) for answer in answers.lists]
        if any(cells):
            table.add_row(question, *(Text(cell) for cell in cells))
    console.print(table)
    console.print(f"token: {answers.token}")
    console.print(f"clock: {_clock(answers)}")
    console.print(f"rate limit: {_rate_limit(answers)}")
    console.print(f"{answers.requests} requests, {len(answers.findings())} findings")


def _ends(answer: ListProbe, told: Callable[[FilterBounds], bool | None]) -> str:
    words = {True: "yes", False: "no", None: "not seen"}
    return "\n".join(
        (f"{ends.filter.partition('_start')[0].partition(',')[0]}: " if len(answer.ends) > 1 else "")
        + words[told(ends)]
        for ends in answer.ends
    )


def _clock(answers: AccountProbe) -> str:
    if answers.seconds_ahead is None:
        return "the service does not say its time; this machine's is taken"
    if not answers.seconds_ahead:
        return "as this machine's"
    return f"{abs(answers.seconds_ahead):,} s {'ahead of' if answers.seconds_ahead > 0 else 'behind'} this machine's"


def _rate_limit(answers: AccountProbe) -> str:
    if not answers.rate_limit:
        return "none announced"
    return ", ".join(f"{name} {value:,}" for name, value in answers.rate_limit.items())
