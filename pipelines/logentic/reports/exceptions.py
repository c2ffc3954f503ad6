"""Read exceptions with their decisions, and record decisions."""

import getpass
from collections.abc import Iterable
from contextlib import suppress
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
from logentic.reports.humanize import count
from logentic.reports.item_names import name_items
from logentic.reports.published_file import open_published, read_audit_log, read_known_at, read_records, require_charges
from logentic.state import State

AUTHORS = "authors"  # the note with the typed names, by user of the machine
STATUSES = ("open", "accepted", "disputed", "credited", "rejected")
OVER_STATUSES = ("cleared", "withdrawn")  # no longer found by any rule
OPEN_STATUSES = ("open", "disputed")  # only these can still be recovered
IN_YOUR_FAVOUR = "in_your_favour"
EXCEPTIONS = """
select
    status.exception_id, status.charge_id, status.payment_id, status.rule, status.status,
    cast(status.amount_at_stake as decimal(18, 2)) as amount_at_stake,
    coalesce(status.evidence, status.what_changed, '') as evidence, status.charge_type, status.billed_date,
    status.dispute_until, status.what_changed, status.note, status.set_by, status.set_at, status.month,
    found.order_id, found.item_id, found.start_date, found.end_date, cast(found.billed as decimal(18, 2)) as billed,
    cast(found.expected as decimal(18, 2)) as expected, status.direction, status.is_question,
    cast(coalesce(checked.credited, 0) as decimal(18, 2)) as credited_part,
    concat_ws(' ', items.sku, items.name) as item, orders.external_name as order_name,
    case
        when status.direction = 'in_your_favour' then coalesce(rules.letter_if_too_low, rules.letter)
        when status.is_question then rules.letter
        else coalesce(rules.letter_if_stated, rules.letter)
    end as request
from exception_status as status
left join invoice_exceptions as found on status.exception_id = found.exception_id
left join rules on status.rule = rules.rule
left join invoice_reconciliation as checked on status.charge_id = checked.charge_id
left join items on found.item_id = items.item_id
left join orders on found.order_id = orders.order_id
where ($invoice is null or status.payment_id = $invoice) and ($month is null or status.month = $month)
order by status.payment_id desc nulls first, status.amount_at_stake desc, status.exception_id
"""
CHARGE_OF_EXCEPTION = """
select
    status.exception_id,
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
where status.exception_id in (select unnest($ids))
"""


@dataclass(frozen=True)
class Finding:
    """An exception.

    `days_left` counts from the last reading while it is open: 0 on the last day, negative after it, None without a
    deadline. The fields after `month` describe the charge as the rule found it; they are None once no rule finds it.
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
    credited_part: Decimal  # the part that a credit took back, unless it took back everything
    item: str  # SKU and name; empty if the item is unknown
    order_name: str | None
    request: str | None  # the request in a letter to the warehouse

    @property
    def is_underbilled(self) -> bool:
        """Return whether a correction would raise our cost."""
        return self.direction == IN_YOUR_FAVOUR

    @property
    def recoverable(self) -> Decimal | None:
        """Return the amount that was paid too much, while it is open or disputed."""
        return self.amount_at_stake if self.status in OPEN_STATUSES and not self.is_underbilled else None

    @property
    def in_your_favour(self) -> Decimal | None:
        """Return the amount that was billed too low or not at all, while it is open or disputed."""
        return self.amount_at_stake if self.status in OPEN_STATUSES and self.is_underbilled else None

    @property
    def credited(self) -> Decimal:
        """Return the amount that was credited: all of it, or the part that a credit names."""
        return self.amount_at_stake if self.status == "credited" else self.credited_part

    def as_dict(self) -> dict[str, Any]:
        """Return the fields and the amounts."""
        amounts = {"recoverable": self.recoverable, "in_your_favour": self.in_your_favour, "credited": self.credited}
        return asdict(self) | amounts

    @property
    def is_past(self) -> bool:
        return self.days_left is not None and self.days_left < 0

    @property
    def history(self) -> list[str]:
        """Return the history: changes and decisions, with people and times."""
        lines = [self.what_changed] if self.what_changed and self.what_changed != self.evidence else []
        if self.set_by:
            note = f": {self.note}" if self.note else ""
            lines.append(f"{self.set_by}, {self.set_at:%Y-%m-%d %H:%M} UTC{note}")
        return lines


@dataclass(frozen=True)
class Recovery:
    """The outcome of the amounts that the account paid too much, before tax.

    `found` is the total. `disputed` was claimed from the warehouse and is not settled; `credited` was refunded;
    `expired` had no decision by the last day to dispute it.
    """

    found: Decimal
    disputed: Decimal
    credited: Decimal
    expired: Decimal


def sum_recovery(findings: Iterable[Finding]) -> Recovery:
    """Return the amounts recovered to date."""
    listed = [each for each in findings if not each.is_underbilled and each.status not in OVER_STATUSES]
    credited = sum((each.credited for each in listed), Decimal(0))
    return Recovery(
        found=credited + sum((each.amount_at_stake for each in listed if each.status != "credited"), Decimal(0)),
        disputed=sum((each.amount_at_stake for each in listed if each.status == "disputed"), Decimal(0)),
        credited=credited,
        expired=sum((each.amount_at_stake for each in listed if each.is_past), Decimal(0)),
    )


@dataclass(frozen=True)
class OpenAmounts:
    """The amounts of open and disputed exceptions, before tax, by direction. The two are never added up or netted."""

    recoverable: Decimal
    in_your_favour: Decimal
    recoverable_count: int
    in_your_favour_count: int

    def text(self, currency: str) -> str:
        paid, favour = money(self.recoverable, currency), money(self.in_your_favour, currency)
        return f"{paid} recoverable, {favour} in your favour"


def sum_open_amounts(findings: Iterable[Finding]) -> OpenAmounts:
    """Return the sums of both directions; exceptions that were decided otherwise count in neither."""
    listed = list(findings)
    paid = [finding.recoverable for finding in listed if finding.recoverable is not None]
    favour = [finding.in_your_favour for finding in listed if finding.in_your_favour is not None]
    return OpenAmounts(sum(paid, Decimal(0)), sum(favour, Decimal(0)), len(paid), len(favour))


def read_findings(
    file: Path, invoice: int | None = None, month: date | None = None, status: str | None = None
) -> list[Finding]:
    """Return the exceptions of FILE, with decisions made since it was published."""
    with open_published(file) as published:
        decisions = _read_unpublished_decisions(file, published)
        today = read_known_at(published).date()
        rows = read_records(published, EXCEPTIONS, {"invoice": invoice, "month": month})
        evidence = name_items(published, [row["evidence"] for row in rows])
        found = [
            _finding_of({**row, "evidence": words, **decisions.get(row["exception_id"], {})}, today)
            for row, words in zip(rows, evidence, strict=True)
        ]
        if not found:
            require_charges(published, file, invoice, month)
    return [finding for finding in found if status is None or finding.status == status]


def record_decision(file: Path, exception_id: str, status: str, note: str | None, by: str) -> Finding:
    """Record the status that a person gives an exception, with the charge as currently known."""
    return record_decisions(file, [exception_id], status, note, by)[0]


def record_decisions(file: Path, exception_ids: list[str], status: str, note: str | None, by: str) -> list[Finding]:
    """Record one status for several exceptions; for none of them if any is refused."""
    if status not in STATUSES:
        raise UsageError(f"{status!r} is no status", f"Choose among: {', '.join(STATUSES)}.")
    with open_published(file) as published:
        found = {
            row["exception_id"]: row for row in read_records(published, CHARGE_OF_EXCEPTION, {"ids": exception_ids})
        }
        known = read_known_at(published)
    said = {"status": status, "set_at": datetime.now(UTC), "note": note and plain_text(note), "set_by": plain_text(by)}
    rows = []
    for exception_id in exception_ids:
        if exception_id not in found:
            raise UsageError(
                f"{file} has no exception {exception_id!r}", f"List them: logentic exceptions --db {quote(str(file))}"
            )
        charge = dict(found[exception_id])
        current, what_changed = charge.pop("status"), charge.pop("what_changed")
        if current in OVER_STATUSES or (current == "credited" and what_changed):
            raise UsageError(f"{exception_id} is {current}: {what_changed}", "Nothing is left to say of it.")
        rows.append({**said, "known_at": known, **charge})
    state = State(file.absolute())
    state.prepare()
    EXCEPTION_LOG.append(state.folder, rows)
    decided = {finding.exception_id: finding for finding in read_findings(file)}
    return [decided[exception_id] for exception_id in exception_ids]


def resolve_author(by: str | None, file: Path | None = None) -> str:
    """Return the author: the given name, else this machine user's last given name, else the user.

    A given name is stored beside FILE. In many containers the user has no name.
    """
    state, user = file and State(file.absolute()), _machine_user()
    named = " ".join(plain_text(by or "").split())
    kept = state.read_note(AUTHORS, dict[str, str]) if state else {}
    if named and state and state.file.exists() and kept.get(user) != named:
        with suppress(UsageError, OSError):  # the recording of the decision reports write errors
            state.prepare()
            state.write_note(AUTHORS, {**kept, user: named})
    if author := named or kept.get(user) or user:
        return str(author)
    raise UsageError("this machine has no user name", "Say it: --by NAME.")


def _machine_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def plain_text(text: str) -> str:
    """Remove control characters, because the text is shown on many terminals."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")


def as_dicts(findings: list[Finding]) -> list[dict[str, Any]]:
    return [finding.as_dict() for finding in findings]


def print_exceptions(findings: list[Finding], console: Console, currency: str) -> None:
    if not findings:
        console.print("No exceptions.")
        return
    width = max(len(finding.exception_id) for finding in findings)
    row = f"{{:<{max(width, 34)}}} {{:>9}} {{:>12}} {{:<10}} {{:>9}}"
    console.print(row.format("exception", "invoice", "amount", "status", "days left"), style="bold")
    for finding in findings:
        left = "" if finding.days_left is None else "past" if finding.is_past else finding.days_left
        amount = money(finding.amount_at_stake, currency)
        evidence = f"In your favour. {finding.evidence}" if finding.is_underbilled else finding.evidence
        console.print(
            Text(row.format(finding.exception_id, finding.payment_id or "", amount, finding.status, left)),
            *(Padding(Text(words), (0, 0, 0, 4)) for words in (evidence, *finding.history)),
        )
    amounts = sum_open_amounts(findings)
    waiting = amounts.recoverable_count + amounts.in_your_favour_count
    which = "" if waiting == len(findings) else f", {waiting:,} of them open or disputed"
    console.print(f"{count(len(findings), 'exception')}{which}: {amounts.text(currency)}")


def _read_unpublished_decisions(file: Path, published: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Return, by exception, the last decision that FILE does not have yet."""
    held = {row["event_id"] for row in read_records(published, "select event_id from logentic_raw.exception_log")}
    return {
        row["exception_id"]: {name: row.get(name) for name in ("status", "note", "set_by", "set_at")}
        | {"what_changed": None}
        for row in read_audit_log(EXCEPTION_LOG, file)
        if row["event_id"] not in held
    }


def _finding_of(row: dict[str, Any], today: date) -> Finding:
    is_counting = row["status"] == "open" and row["dispute_until"] is not None
    return Finding(**row, days_left=(row["dispute_until"] - today).days if is_counting else None)
