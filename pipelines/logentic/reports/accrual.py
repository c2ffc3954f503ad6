"""Accrue a month: the cost of its days that no bill of the month has charged, by charge type, and as journal
entries.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from logentic.currencies import minor_unit, money
from logentic.errors import UsageError
from logentic.reports.humanize import count
from logentic.reports.month_close import next_month_of
from logentic.reports.published_file import open_published, read_known_at, read_records, require_charges
from logentic.reports.tie_out import cents
from logentic.settings import Settings

BILLED_LATER, UNBILLED, EXPECTED = "billed_later", "unbilled", "expected"
KINDS = (BILLED_LATER, UNBILLED, EXPECTED)
ENTRIES = f"""
with entries as (
    select
        '{BILLED_LATER}' as kind, charge_type, payment_id, billed_date, cast(null as date) as start_date,
        cast(null as date) as end_date, amount
    from charges
    where
        not is_withdrawn and billed_date > $last and start_date <= $last
    union all
    select
        accrual.kind, accrual.charge_type, charges.payment_id, cast(null as date) as billed_date,
        case when spans.it then accrual.start_date end as start_date,
        case when spans.it then accrual.end_date end as end_date,
        accrual.amount
    from accrual
    left join charges on accrual.charge_id = charges.charge_id
    cross join lateral (select accrual.kind = '{EXPECTED}' and accrual.end_date > $last as it) as spans
    where coalesce(accrual.start_date, accrual.as_of_date) <= $last
)

select
    kind, coalesce(charge_type, 'unknown') as charge_type, payment_id, billed_date, start_date, end_date,
    sum(amount) as amount, count(*) filter (where amount is null) as unpriced
from entries
group by all
order by charge_type, kind, payment_id, start_date
"""
ROW = "{:<20} {:>13} {:>13} {:>13} {:>13}"


@dataclass(frozen=True)
class AccrualLine:
    """The accrued amount of a charge type, before tax, by kind."""

    charge_type: str
    amounts: dict[str, Decimal]

    @property
    def total(self) -> Decimal:
        return sum(self.amounts.values(), Decimal(0))


@dataclass(frozen=True)
class Accrual:
    """What was not billed on the last day of a month, for that day and all before it.

    `accrued_on` is that day; in a month that has not ended, the day of the last reading. `billed_later` names the
    invoices of later days with what they charge for the days up to then. `unpriced` counts entries without an amount.
    """

    month: date
    accrued_on: date
    known_at: datetime
    currency: str
    lines: list[AccrualLine]
    billed_later: list[tuple[int | None, date, Decimal]]
    unpriced: int

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def reversed_on(self) -> date:
        return next_month_of(self.month)

    def total_of(self, kind: str) -> Decimal:
        return sum((line.amounts[kind] for line in self.lines), Decimal(0))

    def as_dict(self) -> dict[str, Any]:
        return {
            "month": f"{self.month:%Y-%m}",
            "accrued_on": str(self.accrued_on),
            "reversed_on": str(self.reversed_on),
            "known_at": self.known_at.isoformat(),
            "currency": self.currency,
            "lines": [
                {"charge_type": line.charge_type, "total": str(line.total)}
                | {kind: str(line.amounts[kind]) for kind in KINDS}
                for line in self.lines
            ],
            "total": str(self.total),
            "billed_later": [
                {"invoice": invoice, "billed_date": str(billed), "amount": str(amount)}
                for invoice, billed, amount in self.billed_later
            ],
            "unpriced": self.unpriced,
        }


def read_accrual(file: Path, month: date, settings: Settings, *, with_billed: bool = True) -> Accrual:
    """Return the accrual at the end of a month. Without `with_billed`, charges billed since then are left out."""
    last, unit = next_month_of(month) - timedelta(1), minor_unit(settings.currency)
    with open_published(file) as published:
        known = read_known_at(published)
        today = known.astimezone(ZoneInfo(settings.timezone)).date()
        if today < month:
            raise UsageError(
                f"{month:%Y-%m} has not begun: {file} covers the account up to {today}", "Check the month."
            )
        rows = read_records(published, ENTRIES, {"last": last})
        if not rows:
            require_charges(published, file, None, month)
    by_type: dict[str, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(KINDS, Decimal(0)))
    billed: dict[tuple[int | None, date], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["kind"] == BILLED_LATER and not with_billed:
            continue
        amount = _share(row, last)
        by_type[row["charge_type"]][row["kind"]] += amount
        if row["kind"] == BILLED_LATER:
            billed[row["payment_id"], row["billed_date"]] += amount
    lines = [
        AccrualLine(name, {kind: cents(amount, unit) for kind, amount in amounts.items()})
        for name, amounts in sorted(by_type.items())
    ]
    return Accrual(
        month=month,
        accrued_on=min(last, today),
        known_at=known,
        currency=settings.currency,
        lines=[line for line in lines if any(line.amounts.values())],
        billed_later=[
            (invoice, day, cents(amount, unit)) for (invoice, day), amount in sorted(billed.items(), key=str)
        ],
        unpriced=sum(row["unpriced"] for row in rows),
    )


def _share(row: dict[str, Any], last: date) -> Decimal:
    """Return the amount, or its share of the days up to the last one, if the days are expected beyond it."""
    amount = Decimal(row["amount"] or 0)
    if row["end_date"] is None:
        return amount
    start, end = row["start_date"], row["end_date"]
    days: int = (last - start).days + 1
    all_days: int = (end - start).days + 1
    return amount * days / all_days


def print_accrual(accrual: Accrual, console: Console) -> None:
    if not accrual.lines:
        console.print(f"Nothing to accrue at {accrual.accrued_on}.")
        return
    console.print(Text(f"Accrual at {accrual.accrued_on}", style="bold"))
    console.print(f"As known at {accrual.known_at:%Y-%m-%d %H:%M} UTC. Amounts in {accrual.currency}, before tax.\n")
    console.print(ROW.format("charge type", "billed later", "not billed", "expected", "total"), style="bold")
    for line in accrual.lines:
        console.print(_row(line.charge_type[:20], line.amounts, line.total, accrual.currency))
    sums = {kind: accrual.total_of(kind) for kind in KINDS}
    console.print(_row("total", sums, accrual.total, accrual.currency), style="bold")
    for words in _remarks(accrual):
        console.print(words)


def _row(name: str, amounts: dict[str, Decimal], total: Decimal, currency: str) -> Text:
    return Text(ROW.format(name, *(money(amount, currency) for amount in (*amounts.values(), total))))


def _remarks(accrual: Accrual) -> Iterator[str]:
    yield ""
    if accrual.accrued_on < accrual.reversed_on - timedelta(1):
        yield f"The month has not ended: figures up to {accrual.accrued_on}."
    for invoice, billed, amount in accrual.billed_later:
        yield f"Billed later: invoice {invoice} of {billed}, {money(amount, accrual.currency)}."
    if accrual.billed_later:
        yield "--leave-out-billed leaves this out, for books that go by the period of an invoice."
    if accrual.unpriced:
        yield f"{count(accrual.unpriced, 'line')} of the table accrual without a price: not included."
    yield f"To be reversed on {accrual.reversed_on}."
