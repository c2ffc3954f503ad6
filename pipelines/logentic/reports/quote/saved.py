"""Save a quote; the next run publishes it as the tables `quotes` and `quote_lines`."""

from datetime import UTC, datetime
from uuid import uuid4

from logentic.audit_log import QUOTE_LINES, QUOTES
from logentic.reports.quote.comparison import Quote
from logentic.reports.quote.screen import break_even_text
from logentic.state import State


def save_quote(found: Quote, author: str | None) -> str:
    """Append the quote to the audit logs beside FILE; return its id."""
    quote_id, state = uuid4().hex, State(found.file.absolute())
    of_quote = {"quote_id": quote_id, "first_month": found.months[0], "last_month": found.months[-1]}
    of_quote |= {"currency": found.currency, "quoted_by": author, "quoted_at": datetime.now(UTC)}
    contracts = [
        {
            **of_quote,
            "contract": one.name,
            "orders": found.orders,
            "units": found.units,
            "total": one.total,
            "kept_as_billed": one.unpriced_amount,
            "break_even": break_even_text(found, one) if one in found.cards else None,
        }
        for one in found.contracts
    ]
    lines = [
        {"quote_id": quote_id, "contract": one.name, "month": month, "charge_type": charge_type, "amount": amount}
        for one in found.contracts
        for (month, charge_type), amount in sorted(one.lines.items())
    ]
    state.prepare()
    QUOTE_LINES.append(state.folder, lines)
    QUOTES.append(state.folder, contracts)
    return quote_id
