"""Show the exceptions of an invoice as a queue: select, look at the evidence, decide on several at once."""

from html import escape
from pathlib import Path
from typing import Any

import marimo as mo

from logentic.currencies import money
from logentic.dashboard import records
from logentic.dashboard.panels import ElementGroup, Panel, Selection, list_fields, render_panel
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.errors import UsageError
from logentic.reports.exceptions import Finding, read_findings, record_decisions, resolve_author, sum_open_amounts
from logentic.reports.humanize import count, label
from logentic.settings import load_settings

CHARGE = """
select charge_id, charge_type, order_id, item_id, cast(amount as decimal(18, 2)) as amount, quantity, volume_cuft,
    start_date, end_date, billed_date, description
from charges
where charge_id = $charge::bigint
"""
PRICE = """
select coalesce(card.formula, prices.reason) as price, card.segment, card.tier, card.source,
    nullif(card.valid_from, date '1970-01-01') as valid_from, nullif(card.valid_to, date '9999-12-31') as valid_to,
    card.charges as charges_at_this_price,
    cast(prices.expected as decimal(18, 2)) as expected
from charge_prices as prices
left join rate_card as card on prices.charge_type = card.charge_type and prices.price_id = card.price_id
where prices.charge_id = $charge::bigint
order by card.valid_from, card.tier
"""
ORDER = """
select order_id, external_name, order_type, status, warehouse_id, province_code, country_code, lines, units, is_deleted,
    created_at, updated_at
from orders
where order_id = $order::bigint
"""
DECISIONS = {
    "Dispute": "disputed",
    "Accept: pay it anyway": "accepted",
    "Credited by the warehouse": "credited",
    "Rejected by the warehouse": "rejected",
    "Open again": "open",
}
EXCEPTION = "exception"


def rows(snapshot: Snapshot, selection: Selection) -> Any:
    """Return the exceptions of the invoice, the largest amount first; None without an invoice."""
    invoice = selection.get("invoice")
    if not invoice:
        return None
    findings, currency = read_findings(snapshot.file, invoice=invoice), load_settings().currency
    return mo.ui.table(
        [_row(finding) for finding in findings],
        selection="multi",
        page_size=20,
        show_data_types=False,
        show_column_summaries=False,
        show_download=False,
        format_mapping={"amount": lambda amount: money(amount, currency)},
        text_justify_columns={"amount": "right"},
        wrapped_columns=["note"],
    )


def render(file: Path, invoice: int, queue: Any, changed: records.Changed) -> mo.Html:
    """Return the queue with the form that decides on the selected exceptions below it."""
    findings = read_findings(file, invoice=invoice)
    if not findings:
        return render_panel(
            Panel("No exception on this invoice", note="Charges that a rule finds wrong are listed here.", wide=True)
        )
    form = records.entry_form(
        {
            "status": mo.ui.dropdown(DECISIONS, "Dispute", label="Decision"),
            "note": records.note_field(),
            "by": records.name_field(file),
        },
        "Decide on the selected",
        lambda entered: _decide(file, queue.value, entered),
        changed,
    )
    title = escape(f"{count(len(findings), 'exception')}: {sum_open_amounts(findings).text(records.currency())}")
    heading = "Select one to see its evidence below; select several to decide on them at once."
    text = (
        f'<section class="lg-panel lg-queue" aria-label="Exceptions"><h2>{title}</h2><p>{heading}</p>'
        f"{queue.text}{form.text}</section>"
    )
    return ElementGroup(text, [queue, form])


def evidence(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The evidence of what is selected."""
    found = _selected(snapshot, selection)
    if not found:
        note = "Select one to see its evidence, charge, price and order here."
        return Panel("No exception is selected", note=note, wide=True)
    rows = [
        {
            "exception": each.exception_id,
            "billed": each.billed,
            "expected": each.expected,
            "evidence": each.evidence,
            "said": " · ".join(each.history),
        }
        for each in found
    ]
    title = f"Evidence of {count(len(found), 'exception')}: {sum_open_amounts(found).text(records.currency())}"
    return Panel(title, QueryResult.of(rows), name="evidence", wide=True)


def charge(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The charge of the selected exception."""
    found = _selected(snapshot, selection)
    if len(found) != 1:
        return None
    if found[0].charge_id is None:
        return Panel("It has no charge", note="The charge is missing on the invoice.")
    fields = list_fields(snapshot.query(CHARGE, charge=found[0].charge_id))
    return Panel(f"Charge {found[0].charge_id} as returned by the API", fields)


def order(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The order of the selected exception."""
    found = _selected(snapshot, selection)
    if len(found) != 1 or found[0].order_id is None:
        return None
    number = found[0].order_id
    fields = list_fields(snapshot.query(ORDER, order=number))
    return Panel(f"Order {number}" if fields else f"The account has no order {number}", fields or None)


def price(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The price of the charge."""
    found = _selected(snapshot, selection)
    if len(found) != 1:
        return None
    result = snapshot.query(PRICE, charge=found[0].charge_id)
    if not result:
        return Panel("The rate card has no price for it", note="See the evidence for the rule's comparison.")
    return Panel("What such a charge costs by the rate card", list_fields(result))


BEHIND = (evidence, charge, price, order)


def _decide(file: Path, selected: list[dict[str, Any]], form: dict[str, Any]) -> None:
    if not selected:
        raise UsageError("no exception is selected", "Select at least one.")
    ids = [row[EXCEPTION] for row in selected]
    record_decisions(file, ids, form["status"], form["note"] or None, resolve_author(form["by"], file))


def _selected(snapshot: Snapshot, selection: Selection) -> list[Finding]:
    wanted = {row[EXCEPTION] for row in selection.get("rows") or ()}
    if not wanted:
        return []
    return [each for each in snapshot.once(_findings, selection["invoice"]) if each.exception_id in wanted]


def _findings(snapshot: Snapshot, invoice: int) -> list[Finding]:
    return read_findings(snapshot.file, invoice=invoice)


def _row(finding: Finding) -> dict[str, Any]:
    return {
        EXCEPTION: finding.exception_id,
        "type": label(finding.charge_type or ""),
        "of": finding.item or finding.order_name or "",
        "amount": finding.amount_at_stake,
        "direction": "in your favour" if finding.is_underbilled else "recoverable",
        "status": label(finding.status),
        "dispute by": "past" if finding.is_past else str(finding.dispute_until or ""),
        "note": finding.note or "",
    }
