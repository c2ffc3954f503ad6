"""Store the totals of invoices as finance received them."""

import logging
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from logentic.audit_log import INVOICE_TOTALS
from logentic.errors import UsageError
from logentic.reports.published_file import open_published, read_kept_rows
from logentic.state import State

log = logging.getLogger("logentic")


def read_invoice_totals(published: duckdb.DuckDBPyConnection, file: Path) -> dict[int, Decimal]:
    """Return the last typed total of each invoice."""
    rows = read_kept_rows(published, INVOICE_TOTALS, file)
    return {
        row["payment_id"]: row["total"] for row in sorted(rows, key=lambda row: (row["entered_at"], row["event_id"]))
    }


def record_invoice_total(file: Path, invoice: int, total: Decimal, currency: str, by: str | None) -> None:
    """Store a total, unless it is already stored; log a warning if the state folder is not writable."""
    with open_published(file) as published:
        if read_invoice_totals(published, file).get(invoice) == total:
            return
    state = State(file.absolute())
    row = {"payment_id": invoice, "total": total, "currency": currency, "entered_by": by}
    try:
        state.prepare()
        INVOICE_TOTALS.append(state.folder, [{**row, "entered_at": datetime.now(UTC)}])
    except (UsageError, OSError):
        log.warning("%s is not writable: the invoice total is not stored", state.folder)
