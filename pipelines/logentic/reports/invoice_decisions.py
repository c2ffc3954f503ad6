"""Read the decisions on the payment of invoices."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from logentic.audit_log import INVOICE_DECISIONS, Row
from logentic.currencies import money
from logentic.reports.published_file import read_kept_rows

DECISIONS = ("approve", "approve_in_part", "hold")
DECISION_TEXTS = {"approve": "Approved", "approve_in_part": "Approved in part", "hold": "On hold"}
BY_PERSON, BY_TOLERANCE = "person", "tolerance"


@dataclass(frozen=True)
class Decision:
    """A decision, with the invoice's total and its recoverable amount as they were then."""

    decision: str
    amount: Decimal | None
    note: str | None
    decided_by: str
    decided_at: datetime
    method: str
    total: Decimal
    recoverable: Decimal

    @property
    def is_by_tolerance(self) -> bool:
        return self.method == BY_TOLERANCE

    def text(self, currency: str) -> str:
        """Return one sentence: what was decided, the amount, by whom, when and why."""
        amount = "" if self.amount is None else f" {money(self.amount, currency)}"
        return f"{self._what}{amount} {self._circumstances}"

    @property
    def text_without_amount(self) -> str:
        return f"{self._what} {self._circumstances}"

    @property
    def _what(self) -> str:
        return "Approved by tolerance" if self.is_by_tolerance else DECISION_TEXTS[self.decision]

    @property
    def _circumstances(self) -> str:
        who = "" if self.is_by_tolerance else f"{self.decided_by}, "
        note = f": {self.note}" if self.note else ""
        return f"({who}{self.decided_at:%Y-%m-%d %H:%M} UTC){note}"

    def as_dict(self) -> dict[str, Any]:
        return {
            "decision": self.decision,
            "amount": None if self.amount is None else str(self.amount),
            "note": self.note,
            "decided_by": self.decided_by,
            "decided_at": self.decided_at.isoformat(),
            "method": self.method,
            "total": str(self.total),
            "recoverable": str(self.recoverable),
        }


def read_decisions(
    published: duckdb.DuckDBPyConnection, file: Path, unit: Decimal
) -> defaultdict[int, tuple[Decision, ...]]:
    """Return the decisions on each invoice, newest first, including those that FILE does not have yet."""
    rows = read_kept_rows(published, INVOICE_DECISIONS, file)
    found: defaultdict[int, tuple[Decision, ...]] = defaultdict(tuple)
    for row in sorted(rows, key=lambda row: (row["decided_at"], row["event_id"])):
        found[row["payment_id"]] = (_decision_of(row, unit), *found[row["payment_id"]])
    return found


def _decision_of(row: Row, unit: Decimal) -> Decision:
    return Decision(
        decision=row["decision"],
        amount=None if row.get("amount") is None else row["amount"].quantize(unit),
        note=row.get("note"),
        decided_by=row["decided_by"],
        decided_at=row["decided_at"].astimezone(UTC),
        method=row["method"],
        total=row["total"].quantize(unit),
        recoverable=row["recoverable"].quantize(unit),
    )
