"""The life of a finding: what is wrong, what was said of it, and how long it can still be disputed.

In: FILE, and the journal beside it. Out: exceptions with their status; a status that someone gives is added to the
journal, shows at once, and is published by the next run. Next: cli.py prints.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from logentic.errors import UsageError
from logentic.journal import EXCEPTION_LOG
from logentic.reports.published import known_at, open_published, records
from logentic.state import State

STATUSES = ("open", "accepted", "disputed", "credited", "rejected")
EXCEPTIONS = """
select
    exception_id, charge_id, payment_id, rule, status, cast(amount_at_stake as decimal(18, 2)) as amount_at_stake,
    coalesce(evidence, what_changed, '') as evidence, charge_type, billed_date, dispute_until, what_changed, note,
    set_by, set_at, month
from exception_status as status
where ($invoice is null or payment_id = $invoice) and ($month is null or month = $month)
order by payment_id desc nulls first, status.amount_at_stake desc, exception_id
"""
SNAPSHOT = """
select
    status.charge_id,
    status.payment_id,
    status.rule,
    status.amount_at_stake,
    charges.charge_type,
    charges.order_id,
    charges.item_id,
    charges.amount,
    charges.quantity,
    charges.start_date,
    charges.end_date,
    status.status,
    status.what_changed
from exception_status as status
left join charges on status.charge_id = charges.charge_id
where status.exception_id = ?
"""


@dataclass(frozen=True)
class Finding:
    """One exception; `days_left` counts from the last reading, and is None where nothing runs out."""

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
    return [finding for finding in found if status is None or finding.status == status]


def set_status(file: Path, exception_id: str, status: str, note: str | None, by: str) -> Finding:
    """Say where an exception stands: who, when, and of what state of the charge."""
    if status not in STATUSES:
        raise UsageError(f"{status!r} is no status", f"Choose among: {', '.join(STATUSES)}.")
    with open_published(file) as published:
        found = records(published, SNAPSHOT, [exception_id])
        known = known_at(published)
    if not found:
        raise UsageError(f"{file} has no exception {exception_id!r}", f"List them: logentic exceptions --db {file}")
    stands, what_changed = found[0].pop("status"), found[0].pop("what_changed")
    if stands == "cleared" or (stands == "credited" and what_changed):
        raise UsageError(f"{exception_id} is {stands}: {what_changed}", "Nothing is left to say of it.")
    state = State(file.absolute())
    state.prepare()
    row = {"exception_id": exception_id, "status": status, "note": note, "set_by": by, "set_at": datetime.now(UTC)}
    EXCEPTION_LOG.append(state.folder, [{**row, "known_at": known, **found[0]}])
    return next(finding for finding in read_findings(file) if finding.exception_id == exception_id)


def as_dicts(findings: list[Finding]) -> list[dict[str, Any]]:
    return [{name: _plain(value) for name, value in asdict(finding).items()} for finding in findings]


def show(findings: list[Finding], console: Console) -> None:
    if not findings:
        console.print("No exceptions.")
        return
    row = "{:<34} {:>9} {:>12} {:<10} {:>9}"
    console.print(row.format("exception", "invoice", "at stake", "status", "days left"), style="bold")
    for finding in findings:
        left = "" if finding.days_left is None else finding.days_left
        stake = f"{finding.amount_at_stake:,.2f}"
        console.print(
            Text(row.format(finding.exception_id, finding.payment_id or "", stake, finding.status, left)),
            *(Padding(Text(words), (0, 0, 0, 4)) for words in (finding.evidence, *finding.said)),
        )
    total = sum((finding.amount_at_stake for finding in findings), Decimal(0))
    count = "1 exception" if len(findings) == 1 else f"{len(findings):,} exceptions"
    console.print(f"{count}, {total:,.2f} at stake")


def _said_since(file: Path, published: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """By exception, the last thing said that FILE does not hold yet."""
    held = {row["event_id"] for row in records(published, "select event_id from logentic_raw.exception_log")}
    return {
        row["exception_id"]: {name: row.get(name) for name in ("status", "note", "set_by", "set_at")}
        | {"what_changed": None}
        for row in EXCEPTION_LOG.read(State(file.absolute()).folder)
        if row["event_id"] not in held
    }


def _finding(row: dict[str, Any], today: date) -> Finding:
    runs_out = row["status"] in ("open", "disputed") and row["dispute_until"] is not None
    return Finding(**row, days_left=max((row["dispute_until"] - today).days, 0) if runs_out else None)


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str | None) else str(value)
