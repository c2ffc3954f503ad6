"""Panels of one invoice: the invoice total, billed against expected, what to pay."""

from dataclasses import asdict
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import altair as alt
import marimo as mo

from logentic.currencies import money
from logentic.dashboard import charts, filters, records
from logentic.dashboard.costs import order_link
from logentic.dashboard.panels import Panel, Selection, amount_text
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.errors import UsageError
from logentic.reports.amount_parser import parse_invoice_total
from logentic.reports.exceptions import resolve_author
from logentic.reports.humanize import count, label
from logentic.reports.invoice_approval import record_invoice_decision
from logentic.reports.invoice_totals import record_invoice_total
from logentic.reports.invoices import Invoice, read_invoice
from logentic.reports.reconciliation import read_tie_out
from logentic.reports.supporting_sheets import AMOUNTS
from logentic.reports.tie_out import TieOut
from logentic.settings import load_settings

# A charge that should not exist counts as a volume difference, any other error as a price difference.
TYPES = f"""
select case when grouping(charge_type) = 1 then 'all' else charge_type end as charge_type, count(*) as charges,
    cast(coalesce(sum(billed), 0) as decimal(18, 2)) as billed,
    cast(coalesce(sum(expected), 0) as decimal(18, 2)) as expected,
    cast(coalesce(sum(difference), 0) as decimal(18, 2)) as difference,
    cast(coalesce(sum(difference) filter (where expected <> 0), 0) as decimal(18, 2)) as in_price,
    cast(coalesce(sum(difference) filter (where expected = 0), 0) as decimal(18, 2)) as in_volume,
    cast(coalesce(sum(not_checked), 0) as decimal(18, 2)) as not_checked,
    count(*) filter (where is_amount_unreadable) as unreadable_amounts
from (
    select checked.charge_type, {AMOUNTS}, checked.is_amount_unreadable
    from invoice_reconciliation as checked
    where checked.payment_id = $invoice::bigint
)
group by rollup (charge_type)
order by grouping(charge_type), billed desc
"""
AUDIT_RESULTS = """
select charge_type, status, count(*) as charges, cast(sum(billed) as decimal(18, 2)) as billed,
    any_value(reason) as for_example
from invoice_reconciliation
where payment_id = $invoice::bigint
group by charge_type, status
order by charge_type, status
"""
LISTED = """
select
    checked.charge_type, checked.status, cast(checked.billed as decimal(18, 2)) as billed,
    cast(checked.expected as decimal(18, 2)) as expected, cast(checked.difference as decimal(18, 2)) as difference,
    coalesce(orders.external_name, cast(checked.order_id as varchar)) as "order",
    concat_ws(' · ', items.sku, items.name) as item, charges.description, checked.start_date, checked.end_date,
    checked.reason, checked.charge_id, checked.order_id
from invoice_reconciliation as checked
inner join charges on checked.charge_id = charges.charge_id
left join orders on checked.order_id = orders.order_id
left join items on checked.item_id = items.item_id
where
    checked.payment_id = $invoice::bigint
    and $listed in (checked.charge_type, concat_ws(',', checked.charge_type, checked.status))
order by abs(checked.difference) desc nulls last, checked.billed desc, checked.charge_id
"""
RESULT_COLOURS = {"matched": charts.BLUE, "exception": charts.RED, "settled": charts.SKY, "not_checked": charts.GREY}


def tie_out(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The invoice total."""
    number = selection.get("invoice")
    if not number:
        return None
    settings, file = load_settings(), snapshot.file
    tie = read_tie_out(snapshot.connection, file, settings, number)
    lines: list[tuple[str, Decimal]] = [("Charges, before tax", tie.subtotal)]
    lines += [(f"{tax.name} {tax.rate} %", amount) for tax, amount in tie.taxes]
    lines.append(("Total with tax", tie.total))
    if tie.paper is not None:
        lines += [("Total on the paper", tie.paper), ("Difference", tie.difference)]
    form = records.entry_form(
        {"total": mo.ui.text(label="Total on the paper, with tax"), "by": records.name_field(file)},
        "Compare and keep",
        lambda entered: _keep_total(file, number, entered),
        selection["changed"],
        _wrong_total,
    )
    return Panel(
        f"Invoice {number}: {_tie_sentence(tie)}",
        QueryResult.of([{"line": label, "amount": amount} for label, amount in lines]),
        note=" ".join(tie.explanations) if tie.difference else "",
        state="" if tie.paper is None else "bad" if tie.difference else "good",
        extra=(form,),
    )


def decision(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """What to pay."""
    number = selection.get("invoice")
    if not number:
        return None
    settings, file = load_settings(), snapshot.file
    invoice = read_invoice(file, settings, number)
    said, in_currency = invoice.decision, partial(money, currency=settings.currency)
    amounts, recovery, pay = invoice.open_amounts, asdict(invoice.recovery), invoice.recommended
    rows = [
        ("Charges, before tax", invoice.total.subtotal),
        ("Less recoverable", -amounts.recoverable),
        ("Remaining charges, before tax", pay.subtotal),
        *((f"{tax.name} {tax.rate} % of the remaining charges", amount) for tax, amount in pay.taxes),
        ("Recommended payment, with tax", pay.total),
        ("Not checked, before tax", invoice.not_checked),
        ("In your favour, before tax", amounts.in_your_favour),
        *((f"Recoverable to date: {name}, before tax", amount) for name, amount in recovery.items()),
    ]
    listed = QueryResult.of([{"what": label, "amount": amount} for label, amount in rows])
    title = f"Recommended payment {in_currency(pay.total)}"
    if invoice.difference:
        title = f"Settle the difference of {in_currency(abs(invoice.difference))} before you pay"
    if invoice.billed_date is None:
        return Panel(title, listed, note="It is not billed yet: decide on it once it is.")
    choices = {
        f"Approve: pay {in_currency(invoice.payable)}": "approve",
        f"Approve in part: pay {_part(invoice)}": "approve_in_part",
        "Hold: pay nothing yet": "hold",
    }
    form = records.entry_form(
        {
            "decision": mo.ui.radio(choices, label="Payment"),
            "amount": mo.ui.text(label="Another amount in part, with tax"),
            "note": records.note_field("Note on the payment"),
            "by": records.name_field(file),
        },
        "Record the decision",
        lambda entered: _decide(file, number, entered),
        selection["changed"],
        _wrong_decision,
    )
    note = " ".join([said.text(settings.currency), *invoice.changes]) if said else "No decision yet."
    return Panel(title, listed, note=note, name="", extra=(form,))


def types(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """Billed against expected."""
    if not selection.get("invoice"):
        return None
    result = snapshot.query(TYPES, invoice=selection["invoice"])
    sums = result.rows[-1]
    table = QueryResult(result.table.drop_columns(["unreadable_amounts"]))
    note = (
        "Before tax. Billed is expected, difference and not checked together: what is not checked has no price to"
        " compare with. The difference is in volume where a charge should not be there at all, else in price. Missing"
        " charges are listed among the exceptions only."
    )
    if unreadable := sums["unreadable_amounts"]:
        charges = "1 charge has an amount" if unreadable == 1 else f"{unreadable:,} charges have amounts"
        note = f"{charges} that could not be read, which the sums leave out: see rejected_values. {note}"
    title = f"{amount_text(sums['billed'])} billed, {_compared(sums['difference'])}"
    links = {
        "charge_type": lambda row: _list_link(selection, row["charge_type"]) if row["charge_type"] != "all" else ""
    }
    return Panel(title, table, note=note, name="billed-and-expected", wide=True, links=links)


def _compared(difference: Decimal) -> str:
    if not difference:
        return "as expected"
    return f"{amount_text(abs(difference))} {'more' if difference > 0 else 'less'} than expected"


def audit_results(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """Audit result of each charge."""
    if not selection.get("invoice"):
        return None
    result = snapshot.query(AUDIT_RESULTS, invoice=selection["invoice"])

    def link(row: dict[str, Any]) -> str:
        return _list_link(selection, row["charge_type"], row["status"])

    chart = (
        alt.Chart(charts.result_data(result, link=link))
        .mark_bar()
        .encode(
            charts.LINK,
            charts.horizontal("charges", "Charges"),
            alt.Y("charge_type:N", title=None),
            charts.colour("status", list(RESULT_COLOURS), list(RESULT_COLOURS.values())),
            tooltip=charts.tooltips(charge_type="Type", status="", charges=("Charges", ",")),
        )
    )
    number = sum(row["charges"] for row in result.rows)
    checked = number - sum(row["charges"] for row in result.rows if row["status"] == "not_checked")
    title = f"{checked:,} of {number:,} charges could be checked"
    return Panel(title, result, charts.finish(chart, title, alt.Step(28)), name="audit-results", links={"status": link})


def listed(snapshot: Snapshot, selection: Selection) -> Panel | None:
    """The charges of a type."""
    if not selection.get("invoice") or not (chosen := selection.get("listed")):
        return None
    result = snapshot.query(LISTED, invoice=selection["invoice"], listed=chosen)
    billed = sum((row["billed"] or 0 for row in result.rows), Decimal(0))
    of = " · ".join(map(label, chosen.split(",")))
    title = f"{of}: {count(result.table.num_rows, 'charge')}, {amount_text(billed)} before tax"
    links = {"order": order_link}
    return Panel(title, result, name="listed-charges", wide=True, links=links, hidden=("order_id",))


LEAD = (tie_out, audit_results, types, listed)
PANELS = (decision,)


def _list_link(selection: Selection, *chosen: str) -> str:
    return filters.link_here(selection, "listed-charges", listed=",".join(chosen))


def _part(invoice: Invoice) -> str:
    """Return the payment of an approval in part: the recommended one, unless the invoice total is lower."""
    if invoice.recommended.total > invoice.payable:
        return "the amount below"
    return f"{money(invoice.recommended.total, invoice.currency)} or the amount below"


def _tie_sentence(tie: TieOut) -> str:
    if tie.paper is None:
        return "type the total on the paper"
    if not tie.difference:
        return "the paper ties to the cent"
    side = "lower" if tie.difference < 0 else "higher"
    return f"the paper is {amount_text(abs(tie.difference))} {side} than the charges with tax"


def _wrong_total(form: Any) -> str | None:
    return records.require_words(form, total="Type the total on the paper.") or _wrong_amount(form["total"])


def _wrong_decision(form: Any) -> str | None:
    missing = records.require_words(form, decision="Choose a payment.")
    return missing or (_wrong_amount(form["amount"]) if form["amount"].strip() else None)


def _wrong_amount(text: str) -> str | None:
    try:
        _parse_amount(text)
    except UsageError as error:
        return f"{error}. {error.guidance}"
    return None


def _parse_amount(text: str) -> Decimal:
    return parse_invoice_total(text.strip(), records.currency(), "The amount")


def _keep_total(file: Path, number: int, form: dict[str, Any]) -> None:
    author = resolve_author(form["by"], file)
    record_invoice_total(file, number, _parse_amount(form["total"]), records.currency(), author)


def _decide(file: Path, number: int, form: dict[str, Any]) -> Invoice:
    amount = _parse_amount(form["amount"]) if form["amount"].strip() else None
    author = resolve_author(form["by"], file)
    return record_invoice_decision(
        file, load_settings(), number, form["decision"], author, amount=amount, note=form["note"] or None
    )
