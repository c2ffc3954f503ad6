"""Panels of one invoice: billed against expected, and each exception with its evidence."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import altair as alt
import marimo as mo

from logentic.dashboard import charts, filters
from logentic.dashboard.panels import Panel, Selection, amount_text, format_value
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.reports.exceptions import (
    STATUSES,
    Finding,
    read_findings,
    record_decision,
    resolve_author,
    sum_open_amounts,
)
from logentic.reports.humanize import count as counted
from logentic.reports.supporting_sheets import AMOUNTS
from logentic.settings import load_settings

INVOICES = """
select
    payment_id,
    payment_id || case when max(billed_date) is null then ' · not billed yet' else ' · billed ' || max(billed_date) end
    || ' · ' || cast(sum(billed) as decimal(18, 2)) as label
from invoices
where payment_id is not null
group by payment_id
order by max(billed_date) is null, max(billed_date) desc, payment_id desc
"""
TYPES = f"""
select charge_type, count(*) as charges, cast(coalesce(sum(billed), 0) as decimal(18, 2)) as billed,
    cast(coalesce(sum(expected), 0) as decimal(18, 2)) as expected,
    cast(coalesce(sum(difference), 0) as decimal(18, 2)) as difference,
    cast(coalesce(sum(not_checked), 0) as decimal(18, 2)) as not_checked,
    count(*) filter (where is_amount_unreadable) as unreadable_amounts
from (
    select checked.charge_type, {AMOUNTS}, checked.is_amount_unreadable
    from invoice_reconciliation as checked
    where checked.payment_id = $invoice::bigint
)
group by charge_type
order by billed desc
"""
AUDIT_RESULTS = """
select charge_type, status, count(*) as charges, cast(sum(billed) as decimal(18, 2)) as billed,
    any_value(reason) as for_example
from invoice_reconciliation
where payment_id = $invoice::bigint
group by charge_type, status
order by charge_type, status
"""
CHARGE = """
select charge_id, charge_type, order_id, item_id, cast(amount as decimal(18, 2)) as amount, quantity, volume_cuft,
    start_date, end_date, billed_date, description
from charges
where charge_id = $charge::bigint
"""
MOST_OFFERED = 300  # exceptions, the largest first: nobody reads a longer list
RESULT_COLOURS = {"matched": charts.BLUE, "exception": charts.RED, "settled": charts.SKY, "not_checked": charts.GREY}


def controls(snapshot: Snapshot, url: filters.Url) -> filters.Elements:
    return filters.choose_row(snapshot, url, "invoice", INVOICES, "Invoice")


def findings(snapshot: Snapshot, url: filters.Url, selection: Selection) -> filters.Elements:
    options = {
        _finding_label(finding): finding.exception_id
        for index, finding in enumerate(_findings_of(snapshot, selection))
        if index < MOST_OFFERED or finding.exception_id == url.get("exception")
    }
    return filters.choose_among(url, "exception", options, "Exception")


def types(snapshot: Snapshot, selection: Selection) -> Panel:
    """Billed against expected."""
    result = snapshot.query(TYPES, **selection)
    kinds = {"billed": "billed", "expected": "expected", "not_checked": "not checked"}
    values = charts.unfold(result, kinds, "charge_type", "what", "amount")
    chart = (
        alt.Chart(charts.rows_data(values))
        .mark_bar()
        .encode(
            charts.horizontal("amount", "Account's currency"),
            alt.Y("charge_type:N", sort=None, title=None),
            yOffset="what:N",
            color=charts.colour("what", list(kinds.values())),
            tooltip=charts.tooltips(charge_type="Type", what="", amount=("Amount", ",.2f")),
        )
    )
    total = sum(row["billed"] for row in result.rows)
    title = f"Invoice {selection.get('invoice', '')}: {amount_text(total)} billed, before tax"
    note = "Billed is expected, difference and not checked together; what is not checked has no price to compare with."
    if unreadable := sum(row["unreadable_amounts"] for row in result.rows):
        charges = "1 charge has an amount" if unreadable == 1 else f"{unreadable:,} charges have amounts"
        note = f"{charges} that could not be read, which the sums leave out: see rejected_values. {note}"
    return Panel(title, result, charts.finish(chart, f"{title}. {note}", alt.Step(16)), note, "billed-and-expected")


def audit_results(snapshot: Snapshot, selection: Selection) -> Panel:
    """What became of each charge."""
    result = snapshot.query(AUDIT_RESULTS, **selection)
    chart = (
        alt.Chart(charts.result_data(result))
        .mark_bar()
        .encode(
            charts.horizontal("charges", "Charges"),
            alt.Y("charge_type:N", title=None),
            charts.colour("status", list(RESULT_COLOURS), list(RESULT_COLOURS.values())),
            tooltip=charts.tooltips(charge_type="Type", status="", charges=("Charges", ",")),
        )
    )
    count = sum(row["charges"] for row in result.rows)
    checked = count - sum(row["charges"] for row in result.rows if row["status"] == "not_checked")
    title = f"{checked:,} of {count:,} charges could be checked"
    return Panel(title, result, charts.finish(chart, title, alt.Step(28)), name="verdicts")


def exceptions(snapshot: Snapshot, selection: Selection) -> Panel:
    """Exceptions with their evidence."""
    found = _findings_of(snapshot, selection)
    rows = [
        {
            "exception": finding.exception_id,
            "amount": finding.amount_at_stake,
            "recoverable": finding.recoverable,
            "in_your_favour": finding.in_your_favour,
            "status": finding.status,
            "days_left": finding.days_left,
            "evidence": finding.evidence,
            "said": " · ".join(filter(None, (finding.set_by, finding.note))),
        }
        for finding in found
    ]
    return Panel(
        f"{counted(len(rows), 'exception')}: {sum_open_amounts(found).text(load_settings().currency)}",
        QueryResult.of(rows),
        name="exceptions",
        wide=True,
    )


def charge(snapshot: Snapshot, selection: Selection) -> Panel:
    """The charge behind an exception."""
    picked = _picked_finding(snapshot, selection)
    if picked is None or picked.charge_id is None:
        return Panel("No charge stands behind it")
    found = snapshot.query(CHARGE, charge=picked.charge_id).first_row
    result = QueryResult.of([{"field": name, "value": format_value(value, name)} for name, value in found.items()])
    return Panel(f"Charge {picked.charge_id} as the API gives it", result, name="charge")


def status(snapshot: Snapshot, selection: Selection) -> Panel:
    """Where an exception stands."""
    picked = _picked_finding(snapshot, selection)
    if picked is None:
        return Panel("This invoice has no exception")
    form = (
        mo.md("{status} {note} {by}")
        .batch(
            status=mo.ui.dropdown(list(STATUSES), picked.status if picked.status in STATUSES else None, label="Status"),
            note=mo.ui.text(label="Note", max_length=500),
            by=mo.ui.text(label="Your name", value=picked.set_by or "", max_length=80),
        )
        .form(
            submit_button_label="Set status",
            bordered=False,
            on_change=lambda form: _save_decision(snapshot, picked.exception_id, form, selection["changed"]),
        )
    )
    title = f"{picked.exception_id} is {picked.status}"
    return Panel(title, note=f"{picked.evidence} It shows at once; the next run publishes it.", extra=(form,))


def workbook(snapshot: Snapshot, selection: Selection) -> Panel:
    """The invoice as a workbook."""
    invoice = selection.get("invoice")
    if invoice is None or not find_spec("xlsxwriter"):
        return Panel("There is no workbook", note="It needs an invoice, and the extra excel.")
    button = mo.download(
        lambda: _workbook_bytes(snapshot.file, invoice),
        filename=f"invoice-{invoice}.xlsx",
        mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        label="Download the workbook",
    )
    note = "Summary, charges, exceptions with their evidence: what `logentic reconcile --xlsx` writes."
    return Panel(f"Invoice {invoice} as a workbook", note=note, extra=(button,), wide=True)


PANELS = (types, audit_results, exceptions, status, charge, workbook)


def _workbook_bytes(file: Path, invoice: int) -> bytes:
    from logentic.reports.reconciliation import reconcile
    from logentic.reports.workbook import write_workbook

    with TemporaryDirectory() as folder:
        path = Path(folder) / "invoice.xlsx"
        write_workbook(reconcile(file, load_settings(), invoice=invoice), path)
        return path.read_bytes()


def _save_decision(
    snapshot: Snapshot, exception_id: str, form: dict[str, Any] | None, changed: Callable[..., None]
) -> None:
    if form and form["status"]:
        record_decision(snapshot.file, exception_id, form["status"], form["note"] or None, resolve_author(form["by"]))
        changed(lambda count: count + 1)


def _findings_of(snapshot: Snapshot, selection: Selection) -> list[Finding]:
    invoice = selection.get("invoice")
    return read_findings(snapshot.file, invoice=invoice) if invoice else []


def _picked_finding(snapshot: Snapshot, selection: Selection) -> Finding | None:
    return next(
        (one for one in _findings_of(snapshot, selection) if one.exception_id == selection.get("exception")), None
    )


def _finding_label(finding: Finding) -> str:
    return f"{finding.exception_id} · {amount_text(finding.amount_at_stake)}"
