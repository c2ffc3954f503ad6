"""Reconcile an invoice or a month: its charges, exceptions, and what could not be checked."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from logentic.audit_log import Row
from logentic.currencies import minor_unit
from logentic.errors import UsageError
from logentic.extract.acceptance import open_windows
from logentic.extract.stored_records import receipt_of
from logentic.reports.exceptions import Finding, OpenAmounts, read_findings, sum_open_amounts
from logentic.reports.invoice_decisions import Decision, read_decisions
from logentic.reports.invoice_totals import read_invoice_totals
from logentic.reports.month_close import read_month_close
from logentic.reports.published_file import open_published, read_known_at, read_records, require_charges
from logentic.reports.rate_changes import RateChange, read_rate_changes
from logentic.reports.sheets import Sheet, query_sheet
from logentic.reports.supporting_sheets import AMOUNTS, supporting_sheets
from logentic.reports.tie_out import Line, TieOut, cents, recommended_payment, tie_out
from logentic.sanitizer import one_line
from logentic.settings import Settings

OF_INVOICE = "select charge_id from charges where payment_id = $1 and not is_withdrawn"
OF_MONTH = """
select cast(key as bigint) from month_facts where subject = 'charge' and month = $1 and value is not null
union
select charge_id from charges
where
    is_amount_unreadable and not is_withdrawn
    and date_trunc('month', coalesce(start_date, billed_date)) = $1
"""
UNREADABLE = """
select charge_id from charges
where is_amount_unreadable and not is_withdrawn and charge_id in ({scope})
order by charge_id
"""
NAMED_CHARGES = 5
CHARGES = """
select
    charges.charge_id, charges.payment_id, charges.charge_type, charges.description, charges.order_id, items.sku,
    charges.start_date, charges.end_date, {amounts}, checked.status, checked.reason, checked.rule
from charges
inner join invoice_reconciliation as checked on charges.charge_id = checked.charge_id
left join items on charges.item_id = items.item_id
where charges.charge_id in ({scope})
order by
    array_position(['exception', 'not_checked', 'settled', 'matched'], checked.status), charges.charge_type,
    charges.start_date, charges.charge_id
"""
NOT_CHECKED = """
select charge_type, count(*) as charges, cast(sum(billed) as decimal(18, 2)) as billed, min(reason) as for_example
from invoice_reconciliation
where status = 'not_checked' and charge_id in ({scope})
group by charge_type
order by billed desc, charge_type
"""
LINES = """
with earlier as (
    select id as charge_id, list(distinct amount) as amounts
    from logentic_raw.payment_items
    where amount is not null
    group by id
)

select
    charges.charge_id, charges.payment_id, coalesce(charges.charge_type, 'unknown') as charge_type, charges.amount,
    charges.is_withdrawn, found.rule,
    list_filter(earlier.amounts, lambda was: was <> charges.amount) as earlier
from charges
left join earlier on charges.charge_id = earlier.charge_id
left join invoice_exceptions as found on charges.charge_id = found.charge_id
where charges.amount is not null and {scope}
order by charges.charge_id
"""
ON_INVOICE = "charges.payment_id = $1 and not charges.is_withdrawn"
# Other charges that would explain the difference, up to a cent of rounding.
ELSEWHERE = """
(charges.payment_id is distinct from $1 or charges.is_withdrawn) and abs(charges.amount - $2) < $3
"""


@dataclass(frozen=True)
class Books:
    """The close of a month: by whom and when, None while it is open; later changes of its charges."""

    closed_by: str | None
    closed_at: datetime | None
    charges_changed: int
    difference: Decimal


@dataclass(frozen=True)
class Reconciliation:
    """`invoice` or `month` is None; `tie_out` is None for a month, and `books` for an invoice.

    `rate_changes` are those of the storage rate up to the end of the month.
    """

    file: Path
    invoice: int | None
    month: date | None
    billed_date: date | None
    known_at: datetime
    currency: str
    company: str  # empty if the setting is empty
    warehouse: str
    tie_out: TieOut | None
    findings: list[Finding]
    charges: Sheet
    sheets: list[Sheet]
    not_checked: list[dict[str, Any]]
    incomplete: list[str]
    books: Books | None
    rate_changes: list[RateChange]
    decision: Decision | None  # the last decision on the payment of the invoice
    unreadable: list[int]  # charges with an unreadable amount: no sum includes them

    @property
    def title(self) -> str:
        return f"Invoice {self.invoice}" if self.invoice is not None else f"Month {self.month:%Y-%m}"

    def amount_of(
        self, status: str | None = None, charge_type: str | None = None, column: str = "billed"
    ) -> tuple[int, Decimal]:
        """Return the number of charges and the sum of a column in cents, rounded after parts of cents are added up."""
        names = [each.name for each in self.charges.columns]
        kind, status_index, index = names.index("charge_type"), names.index("status"), names.index(column)
        chosen = [
            row[index]
            for row in self.charges.rows
            if (status is None or row[status_index] == status) and (charge_type is None or row[kind] == charge_type)
        ]
        total = sum((amount for amount in chosen if amount is not None), Decimal(0))
        return len(chosen), cents(total, minor_unit(self.currency))

    @property
    def unreadable_sentence(self) -> str:
        """Return which charges the sums leave out; empty if none."""
        count = len(self.unreadable)
        if not count:
            return ""
        named = ", ".join(map(str, self.unreadable[:NAMED_CHARGES]))
        more = f" and {count - NAMED_CHARGES:,} more" if count > NAMED_CHARGES else ""
        have = "1 charge has an amount" if count == 1 else f"{count:,} charges have amounts"
        out = "it" if count == 1 else "them"
        return f"{have} that could not be read ({named}{more}): the sums leave {out} out."

    @property
    def open_amounts(self) -> OpenAmounts:
        return sum_open_amounts(self.findings)

    @property
    def recommended(self) -> TieOut | None:
        """Return the billed less the recoverable amount, with taxes on the difference; None for a month."""
        if self.tie_out is None:
            return None
        taxes = [tax for tax, _ in self.tie_out.taxes]
        return recommended_payment(self.tie_out.subtotal, self.open_amounts.recoverable, taxes, self.currency)

    @property
    def period(self) -> tuple[date, date] | None:
        """Return the days of the month; for an invoice those of its storage, else of all charges that are not wrong."""
        if self.month:
            return self.month, (self.month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        names = ("charge_type", "status", "start_date", "end_date")
        places = [[column.name for column in self.charges.columns].index(name) for name in names]
        dated = [row for row in ([row[place] for place in places] for row in self.charges.rows) if row[2] and row[3]]
        storage = [row for row in dated if (row[0] or "").lower() == "storage"]
        chosen = storage or [row for row in dated if row[1] != "exception"] or dated
        return (min(row[2] for row in chosen), max(row[3] for row in chosen)) if chosen else None

    @property
    def types(self) -> list[str]:
        index = [column.name for column in self.charges.columns].index("charge_type")
        return sorted({row[index] or "" for row in self.charges.rows})


def reconcile(
    file: Path,
    settings: Settings,
    *,
    invoice: int | None = None,
    month: date | None = None,
    paper: Decimal | None = None,
) -> Reconciliation:
    """Read everything about one invoice, or one month; without `paper` the stored invoice total is compared."""
    scope = OF_MONTH if invoice is None else OF_INVOICE
    chosen: list[Any] = [month if invoice is None else invoice]
    findings = read_findings(file, invoice, month)
    with open_published(file) as published:
        closed = read_month_close(published, file, month) if month else None
        charges = query_sheet(
            published,
            "Charges",
            CHARGES.format(scope=scope, amounts=AMOUNTS),
            chosen,
        )
        if charges is None:
            require_charges(published, file, invoice, month)
            raise UsageError(f"{file} has no charge of invoice {invoice} any more", "All of them were withdrawn.")
        unreadable = _read_unreadable(published, scope, chosen)
        billed = read_records(published, "select max(billed_date) as day from charges where payment_id = $1", [invoice])
        return Reconciliation(
            file=file,
            invoice=invoice,
            month=month,
            billed_date=billed[0]["day"],
            known_at=read_known_at(published),
            currency=settings.currency,
            company=next(iter(address_lines(settings.company_address)), ""),
            warehouse=next(iter(address_lines(settings.warehouse_address)), ""),
            tie_out=None if invoice is None else read_tie_out(published, file, settings, invoice, paper),
            decision=None if invoice is None else _read_decision(published, file, invoice, settings.currency),
            unreadable=unreadable,
            findings=findings,
            charges=charges,
            sheets=list(supporting_sheets(published, scope, chosen, month, closed["closed_at"] if closed else None)),
            books=read_books(published, month, closed, settings.currency) if month else None,
            rate_changes=read_rate_changes(published, month) if month else [],
            not_checked=read_records(published, NOT_CHECKED.format(scope=scope), chosen),
            incomplete=[
                f"{receipt.resource} {receipt.span[0]:%Y-%m-%d} to {receipt.span[1]:%Y-%m-%d}"
                for receipt in open_windows(map(receipt_of, read_records(published, INCOMPLETE)))
            ],
        )


def _read_decision(published: duckdb.DuckDBPyConnection, file: Path, invoice: int, currency: str) -> Decision | None:
    return next(iter(read_decisions(published, file, minor_unit(currency))[invoice]), None)


INCOMPLETE = """
select receipts.*, receipts.filtered_by as filter from logentic_staging.stg_extract_windows as receipts
order by receipts.finished_at
"""


def read_books(published: duckdb.DuckDBPyConnection, month: date, closed: Row | None, currency: str) -> Books:
    """Return how a month is closed, given the record that closes it, and later changes."""
    if closed is None:
        return Books(None, None, 0, Decimal(0))
    # Until the next run, the published table has the restatements of an earlier closing.
    changed = "select difference from restatements where month = $1 and subject = 'charge' and closed_at = $2"
    differences = [row["difference"] for row in read_records(published, changed, [month, closed["closed_at"]])]
    total = cents(sum(differences, Decimal(0)), minor_unit(currency))
    return Books(closed["closed_by"], closed["closed_at"], len(differences), total)


def read_tie_out(
    published: duckdb.DuckDBPyConnection, file: Path, settings: Settings, invoice: int, paper: Decimal | None = None
) -> TieOut:
    """Compare an invoice with its total; without `paper` with the stored one."""
    if paper is None:
        paper = read_invoice_totals(published, file).get(invoice)
    unreadable = _read_unreadable(published, OF_INVOICE, [invoice])
    here = [_line(row) for row in read_records(published, LINES.format(scope=ON_INVOICE), [invoice])]
    tied = tie_out(here, settings.taxes, paper, currency=settings.currency, unreadable=unreadable)
    if not tied.difference or unreadable:
        return tied
    unit = minor_unit(settings.currency)
    sought = [invoice, cents(tied.before_tax, unit), 3 * unit]
    elsewhere = [_line(row, _location(row)) for row in read_records(published, LINES.format(scope=ELSEWHERE), sought)]
    return tie_out(here, settings.taxes, paper, elsewhere, settings.currency)


def _read_unreadable(published: duckdb.DuckDBPyConnection, scope: str, chosen: list[Any]) -> list[int]:
    return [row["charge_id"] for row in read_records(published, UNREADABLE.format(scope=scope), chosen)]


def _line(row: dict[str, Any], location: str = "") -> Line:
    return Line(row["charge_id"], row["charge_type"], row["amount"], tuple(row["earlier"] or ()), row["rule"], location)


def _location(row: dict[str, Any]) -> str:
    if row["is_withdrawn"]:
        return "has withdrawn it"
    return "puts it on no invoice yet" if row["payment_id"] is None else f"puts it on invoice {row['payment_id']}"


def address_lines(text: str) -> tuple[str, ...]:
    """Return the lines of an address, which a setting separates by line ends or semicolons."""
    return tuple(one_line(line).strip() for line in text.replace(";", "\n").splitlines() if line.strip())
