"""The life of a finding: what is wrong, what was said of it, and how long it can still be disputed."""

import getpass
from collections.abc import Sized
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from shlex import quote
from typing import Any

import duckdb
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from logentic.audit_log import EXCEPTION_LOG
from logentic.currencies import money
from logentic.errors import UsageError
from logentic.reports.published import known_at, open_published, records, refuse_unknown, written
from logentic.state import State

STATUSES = ("open", "accepted", "disputed", "credited", "rejected")
OVER = ("cleared", "withdrawn")  # no rule finds it any more
AT_STAKE = ("open", "disputed")  # of the others nothing is left to win
EXCEPTIONS = """
select
    status.exception_id, status.charge_id, status.payment_id, status.rule, status.status,
    cast(status.amount_at_stake as decimal(18, 2)) as amount_at_stake,
    coalesce(status.evidence, status.what_changed, '') as evidence, status.charge_type, status.billed_date,
    status.dispute_until, status.what_changed, status.note, status.set_by, status.set_at, status.month,
    found.order_id, found.item_id, found.start_date, found.end_date, cast(found.billed as decimal(18, 2)) as billed,
    cast(found.expected as decimal(18, 2)) as expected, status.direction, status.is_question,
    case
        when status.direction = 'in_your_favour' then coalesce(rules.letter_if_too_low, rules.letter)
        when status.is_question then rules.letter
        else coalesce(rules.letter_if_stated, rules.letter)
    end as request
from exception_status as status
left join invoice_exceptions as found on status.exception_id = found.exception_id
left join rules on status.rule = rules.rule
where ($invoice is null or status.payment_id = $invoice) and ($month is null or status.month = $month)
order by status.payment_id desc nulls first, status.amount_at_stake desc, status.exception_id
"""
SNAPSHOT = """
select
    status.charge_id,
    status.payment_id,
    status.rule,
    status.amount_at_stake,
    coalesce(charges.charge_type, status.charge_type) as charge_type,
    coalesce(charges.order_id, found.order_id) as order_id,
    charges.item_id,
    charges.amount,
    charges.quantity,
    charges.start_date,
    charges.end_date,
    status.status,
    status.what_changed
from exception_status as status
left join charges on status.charge_id = charges.charge_id
left join invoice_exceptions as found on status.exception_id = found.exception_id
where status.exception_id = ?
"""


@dataclass(frozen=True)
class Finding:
    """One exception; `days_left` counts from the last reading while it is open: 0 on the last day, negative after it,
    None where nothing runs out. What follows `month` is of the charge as the rule sees it, None once no rule finds it.
    """

    exception_id: str
    charge_id: int | None
    payment_id: int | None
    rule: str
    status: str
    amount_at_stake: Decimal
    evidence: str
    charge_type: str | None
    billed_date: date | None
    dispute_until: date | None
    days_left: int | None
    what_changed: str | None
    note: str | None
    set_by: str | None
    set_at: datetime | None
    month: date | None
    order_id: int | None
    item_id: int | None
    start_date: date | None
    end_date: date | None
    billed: Decimal | None
    expected: Decimal | None
    direction: str
    is_question: bool
    request: str | None  # what a letter to the warehouse asks

    @property
    def is_past(self) -> bool:
        return self.days_left is not None and self.days_left < 0

    @property
    def said(self) -> list[str]:
        """What became of it, and what was said of it, by whom and when."""
        lines = [self.what_changed] if self.what_changed and self.what_changed != self.evidence else []
        if self.set_by:
            note = f": {self.note}" if self.note else ""
            lines.append(f"{self.set_by}, {self.set_at:%Y-%m-%d %H:%M} UTC{note}")
        return lines


def read_findings(
    file: Path, invoice: int | None = None, month: date | None = None, status: str | None = None
) -> list[Finding]:
    """The exceptions of FILE, with what was said of them since it was published."""
    with open_published(file) as published:
        said = _said_since(file, published)
        today = known_at(published).date()
        found = [
            _finding({**row, **said.get(row["exception_id"], {})}, today)
            for row in records(published, EXCEPTIONS, {"invoice": invoice, "month": month})
        ]
        if not found:
            refuse_unknown(published, file, invoice, month)
    return [finding for finding in found if status is None or finding.status == status]


def set_status(file: Path, exception_id: str, status: str, note: str | None, by: str) -> Finding:
    """Say where an exception stands: who, when, and of what state of the charge."""
    if status not in STATUSES:
        raise UsageError(f"{status!r} is no status", f"Choose among: {', '.join(STATUSES)}.")
    with open_published(file) as published:
        found = records(published, SNAPSHOT, [exception_id])
        known = known_at(published)
    if not found:
        raise UsageError(
            f"{file} has no exception {exception_id!r}", f"List them: logentic exceptions --db {quote(str(file))}"
        )
    stands, what_changed = found[0].pop("status"), found[0].pop("what_changed")
    if stands in OVER or (stands == "credited" and what_changed):
        raise UsageError(f"{exception_id} is {stands}: {what_changed}", "Nothing is left to say of it.")
    state = State(file.absolute())
    state.prepare()
    row = {"exception_id": exception_id, "status": status, "set_at": datetime.now(UTC)}
    row |= {"note": note and _printable(note), "set_by": _printable(by)}
    EXCEPTION_LOG.append(state.folder, [{**row, "known_at": known, **found[0]}])
    return next(finding for finding in read_findings(file) if finding.exception_id == exception_id)


def whoever(by: str | None) -> str:
    """Who says so: as given, else the user of this machine, who has no name in many a container."""
    if named := " ".join((by or "").split()):
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise UsageError("this machine does not know who you are", "Say it: --by NAME.") from None


def _printable(text: str) -> str:
    """Without what a terminal would obey: it is shown on many."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")


def as_dicts(findings: list[Finding]) -> list[dict[str, Any]]:
    return [{name: _plain(value) for name, value in asdict(finding).items()} for finding in findings]


def at_stake(findings: list[Finding]) -> Decimal:
    """What can still be won of them."""
    return sum((finding.amount_at_stake for finding in findings if finding.status in AT_STAKE), Decimal(0))


def counted(findings: Sized) -> str:
    return "1 exception" if len(findings) == 1 else f"{len(findings):,} exceptions"


def show(findings: list[Finding], console: Console, currency: str) -> None:
    if not findings:
        console.print("No exceptions.")
        return
    width = max(len(finding.exception_id) for finding in findings)
    row = f"{{:<{max(width, 34)}}} {{:>9}} {{:>12}} {{:<10}} {{:>9}}"
    console.print(row.format("exception", "invoice", "at stake", "status", "days left"), style="bold")
    for finding in findings:
        left = "" if finding.days_left is None else "past" if finding.is_past else finding.days_left
        stake = money(finding.amount_at_stake, currency)
        console.print(
            Text(row.format(finding.exception_id, finding.payment_id or "", stake, finding.status, left)),
            *(Padding(Text(words), (0, 0, 0, 4)) for words in (finding.evidence, *finding.said)),
        )
    waiting = sum(finding.status in AT_STAKE for finding in findings)
    which = "" if waiting == len(findings) else f" in the {waiting:,} that are open or disputed"
    console.print(f"{counted(findings)}, {money(at_stake(findings), currency)} at stake{which}")


def _said_since(file: Path, published: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """By exception, the last thing said that FILE does not hold yet."""
    held = {row["event_id"] for row in records(published, "select event_id from logentic_raw.exception_log")}
    return {
        row["exception_id"]: {name: row.get(name) for name in ("status", "note", "set_by", "set_at")}
        | {"what_changed": None}
        for row in written(EXCEPTION_LOG, file)
        if row["event_id"] not in held
    }


def _finding(row: dict[str, Any], today: date) -> Finding:
    runs_out = row["status"] == "open" and row["dispute_until"] is not None
    return Finding(**row, days_left=(row["dispute_until"] - today).days if runs_out else None)


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str | None) else str(value)
