"""Answer ten questions, with the sentences and figures of the dashboard and the reports."""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from logentic.currencies import money
from logentic.dashboard import costs, filters, orders, overview, stock, storage
from logentic.dashboard.panels import Panel
from logentic.dashboard.snapshot import Snapshot
from logentic.errors import UsageError
from logentic.reports import price_list, reconciliation_screen
from logentic.reports.exceptions import OPEN_STATUSES, read_findings, sum_open_amounts
from logentic.reports.humanize import count
from logentic.reports.invoices import read_invoices
from logentic.reports.published_file import read_known_at, require_charges
from logentic.reports.rate_changes import read_rate_changes
from logentic.reports.reconciliation import reconcile
from logentic.reports.status import read_status
from logentic.settings import load_settings

ROWS_OF_A_PART = 50
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
STORAGE_DAYS = 370  # the default range of the page Storage
Month = Annotated[str | None, Field(description="YYYY-MM; without it the last month that has ended.")]
Answer = dict[str, Any]


def why_cost_changed(
    snapshot: Snapshot,
    month: Month = None,
    compared_with: Annotated[str | None, Field(description="An earlier month, YYYY-MM; else the one before.")] = None,
) -> Answer:
    """What a month cost, by charge type, and why it differs from an earlier month: volume, mix and price."""
    chosen = _month(snapshot, month)
    back = 1 if compared_with is None else _months_between(_parse_month(compared_with), chosen)
    selection = {"month": chosen, "back": back}
    parts = [panel(snapshot, selection) for panel in (costs.spend, costs.bridge, costs.by_type)]
    return _answer(snapshot, *parts)


def what_is_wrong_with_invoice(
    snapshot: Snapshot,
    invoice: Annotated[int | None, Field(description="Its number; without it the newest that was billed.")] = None,
) -> Answer:
    """The exceptions of an invoice with their evidence, what is recoverable, and the recommended payment."""
    settings = load_settings()
    if invoice is None:
        listed = read_invoices(snapshot.file, settings)
        invoice = next((each.payment_id for each in listed if each.billed_date), None)
        if invoice is None:
            raise UsageError("no invoice was billed yet", "Ask for a month: why_cost_changed.")
    found = reconcile(snapshot.file, settings, invoice=invoice)
    shown = reconciliation_screen.as_dict(found)
    del shown["file"]
    payment = found.recommended
    pay = f" Recommended payment: {money(payment.total, found.currency)} with tax." if payment else ""
    exceptions = shown.pop("exceptions")
    return {
        "answer": f"{found.title} has {count(len(exceptions), 'exception')}:"
        f" {found.open_amounts.text(found.currency)}, before tax.{pay}",
        **shown,
        "exceptions": exceptions[:ROWS_OF_A_PART],
        "exceptions_left_out": max(len(exceptions) - ROWS_OF_A_PART, 0),
    }


def what_is_recoverable(snapshot: Snapshot) -> Answer:
    """What the account paid too much and can still recover, and until when each exception can be disputed."""
    findings = [each for each in read_findings(snapshot.file) if each.status in OPEN_STATUSES]
    amounts, currency = sum_open_amounts(findings), load_settings().currency
    panel = overview.deadlines(snapshot, {})
    fields = ("exception_id", "payment_id", "rule", "status", "recoverable", "in_your_favour", "dispute_until")
    rows = [{name: getattr(each, name) for name in (*fields, "days_left", "evidence")} for each in findings]
    return _answer(snapshot, panel) | {
        "answer": f"{amounts.text(currency)}, before tax; open or disputed. {panel.title}.",
        "recoverable": amounts.recoverable,
        "in_your_favour": amounts.in_your_favour,
        "exceptions": rows[:ROWS_OF_A_PART],
        "exceptions_left_out": max(len(rows) - ROWS_OF_A_PART, 0),
    }


def what_drives_storage_cost(
    snapshot: Snapshot,
    start: Annotated[date | None, Field(description="First day; without it about a year before the last.")] = None,
    end: Annotated[date | None, Field(description="Last day; without it the last that is known.")] = None,
) -> Answer:
    """Storage cost by month against the expected cost, by item and size; the rate, findings and the outlook."""
    first, last = _span(snapshot, "storage")
    stop = min(end or last, last)
    begin = max(start or stop - timedelta(STORAGE_DAYS - 1), first)
    if begin > stop:
        raise UsageError(f"there are no storage costs from {start} to {end}", f"They are known {first} to {last}.")
    selection = {"start": begin, "stop": stop, "item": None}
    changes, currency = read_rate_changes(snapshot.connection), load_settings().currency
    shown = (storage.months, storage.largest_items, storage.rates, storage.outlook, storage.findings)
    return _answer(snapshot, *(panel(snapshot, selection) for panel in shown)) | {
        "days": [begin, stop],
        "by_size": _part(storage.classes(snapshot, selection)),
        "rate_changes": [change.sentence(currency) for change in changes],
    }


def what_is_dead_stock(snapshot: Snapshot) -> Answer:
    """The items in stock that have not been shipped for 60 days, and their value."""
    return _answer(snapshot, stock.idle_items(snapshot, _latest_stock(snapshot)))


def how_long_stock_lasts(snapshot: Snapshot) -> Answer:
    """Days of cover by item, the shortest first: stock divided by the units shipped per day lately."""
    return _answer(snapshot, stock.cover(snapshot, _latest_stock(snapshot)))


def which_orders_are_late(snapshot: Snapshot) -> Answer:
    """The orders that are late or stuck, and for how long."""
    first, last = _span(snapshot, "orders")
    return _answer(snapshot, orders.waiting(snapshot, {"start": first, "stop": last, "warehouse": None}))


def what_an_order_costs(
    snapshot: Snapshot,
    month: Month = None,
    by: Annotated[Literal["Province", "Weight", "Warehouse", "Order type"], Field(description="Of what kind.")] = (
        "Province"
    ),
) -> Answer:
    """Cost per order and unit by month, and in one month by kind of order."""
    selection = {"month": _month(snapshot, month), "by": by}
    return _answer(snapshot, costs.by_group(snapshot, selection), overview.cost_per_order(snapshot, {}))


def what_is_the_price(
    snapshot: Snapshot,
    charge_type: Annotated[str | None, Field(description="Such as picking; without it all types.")] = None,
) -> Answer:
    """The price of a type of charge and since when it applies: learned from the charges, beside the user's rate
    card.
    """
    found = price_list.as_dict(price_list.read_price_list(snapshot.file, charge_type))
    prices = found["prices"]
    said = [_price_text(price) for price in prices if price["source"] != "bills" and price["is_trusted"] is not False]
    if any(price["charge_type"] == "storage" for price in prices):
        first, last = _span(snapshot, "storage")
        said += [
            storage.rates(snapshot, {"start": first, "stop": last, "item": None}).title + " per cubic foot and day"
        ]
        said += [change.words.rstrip(".") for change in read_rate_changes(snapshot.connection)]
    return {
        "answer": "; ".join(said) or "No price fits the charges; see the note of each.",
        "currency": load_settings().currency,
        "known_at": found["known_at"],
        "prices": prices,
        "off_card": found["off_card"],
    }


def is_data_complete(snapshot: Snapshot) -> Answer:
    """How recent and how complete the data is: covered days, incomplete date ranges, values that could not be read."""
    found = read_status(snapshot.file)
    resources = found["resources"]
    missing = sum(row["incomplete_windows"] for row in resources.values())
    rejected = found["rejected_values"]
    known_at = read_known_at(snapshot.connection)
    said = f"{count(missing, 'date range')} incomplete: figures may still change" if missing else "Complete"
    unread = f" {count(rejected, 'value')} could not be read and left empty." if rejected else ""
    return {
        "answer": f"{said}, as of {known_at:%Y-%m-%d %H:%M} UTC.{unread}",
        "known_at": known_at,
        "resources": resources,
        "rejected_values": rejected,
    }


ANSWERS = (
    *(why_cost_changed, what_is_wrong_with_invoice, what_is_recoverable, what_drives_storage_cost),
    *(what_is_dead_stock, how_long_stock_lasts, which_orders_are_late, what_an_order_costs),
    *(what_is_the_price, is_data_complete),
)


def _answer(snapshot: Snapshot, *panels: Panel | None) -> Answer:
    """Return the titles of panels as sentences, and their rows."""
    shown = [panel for panel in panels if panel]
    return {
        "answer": " ".join(f"{panel.title}." for panel in shown),
        "currency": load_settings().currency,
        "known_at": read_known_at(snapshot.connection),
        "parts": [_part(panel) for panel in shown],
    }


def _part(panel: Panel) -> Answer:
    rows = panel.table.rows if panel.table else []
    return {
        "title": panel.title,
        "note": panel.note,
        "rows": rows[:ROWS_OF_A_PART],
        "rows_left_out": max(len(rows) - ROWS_OF_A_PART, 0),
    }


def _price_text(price: dict[str, Any]) -> str:
    segment = f" ({price['segment']})" if price["segment"] else ""
    since = f" since {price['valid_from']}" if price["valid_from"] else " since the first charge"
    until = f" until {price['valid_to']}" if price["valid_to"] else ""
    return f"{price['charge_type']}{segment}: {price['formula']}{since}{until}"


def _month(snapshot: Snapshot, given: str | None) -> str:
    """Return the month, which must have charges; by default the last one that has ended."""
    if given is None:
        months = [row["month"] for row in snapshot.query(filters.MONTHS).rows]
        found = next((month for month in months if month < f"{snapshot.today:%Y-%m}"), next(iter(months), None))
        if found is None:
            raise UsageError("there are no charges yet", "Run again later: logentic run --db FILE.")
        return str(found)
    require_charges(snapshot.connection, snapshot.file, month=date.fromisoformat(f"{_parse_month(given)}-01"))
    return given


def _parse_month(text: str) -> str:
    if not MONTH.fullmatch(text):
        raise UsageError(f"{text!r} is not a month", "Write it as YYYY-MM, such as 2026-01.")
    return text


def _months_between(earlier: str, later: str) -> int:
    first, last = (12 * int(month[:4]) + int(month[5:]) for month in (earlier, later))
    if first >= last:
        raise UsageError(f"{earlier} is not before {later}", "Compare with an earlier month.")
    return last - first


def _latest_stock(snapshot: Snapshot) -> dict[str, Any]:
    return {"stop": _span(snapshot, "stock")[1], "item": None}


def _span(snapshot: Snapshot, of: str) -> tuple[date, date]:
    found = snapshot.query(filters.SPANS[of]).first_row
    if found["last"] is None:
        raise UsageError(f"there is no {of} yet", "Run again later: logentic run --db FILE.")
    return found["first"], found["last"]
