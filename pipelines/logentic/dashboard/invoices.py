"""Invoices: one invoice, billed against expected; each exception with its evidence.

In: a `Reading`, an invoice, one of its exceptions. Out: panels. Next: pages.py.
"""

import altair as alt

from logentic.dashboard import charts, filters
from logentic.dashboard.panels import Chosen, Panel
from logentic.dashboard.reading import Reading

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
TYPES = """
select charge_type, charges, cast(billed as decimal(18, 2)) as billed, expected,
    cast(difference as decimal(18, 2)) as difference
from invoices
where payment_id = $invoice::bigint
order by billed desc
"""
VERDICTS = """
select charge_type, status, count(*) as charges, cast(sum(billed) as decimal(18, 2)) as billed,
    any_value(reason) as for_example
from invoice_reconciliation
where payment_id = $invoice::bigint
group by charge_type, status
order by charge_type, status
"""
EXCEPTIONS = """
select rule, charge_id, cast(amount_at_stake as decimal(18, 2)) as at_stake, evidence, dispute_until
from invoice_exceptions
where payment_id = $invoice::bigint
order by amount_at_stake desc, charge_id
"""
FINDINGS = """
select coalesce(cast(charge_id as varchar), evidence) as finding,
    rule || ' · ' || coalesce('charge ' || charge_id, 'no charge')
    || ' · ' || cast(amount_at_stake as decimal(18, 2)) as label
from invoice_exceptions
where payment_id = $invoice::bigint
order by amount_at_stake desc, charge_id
"""
CHARGE = """
select charge_id, charge_type, order_id, item_id, cast(amount as decimal(18, 2)) as amount, quantity, volume_cuft,
    start_date, end_date, billed_date, description
from charges
where charge_id = try_cast($exception as bigint)
"""
COLOURS = {"matched": charts.BLUE, "exception": charts.RED, "settled": charts.SKY, "not_checked": charts.GREY}


def controls(reading: Reading, url: filters.Url) -> filters.Elements:
    return filters.one_of(reading, url, "invoice", INVOICES, "Invoice")


def findings(reading: Reading, url: filters.Url, chosen: Chosen) -> filters.Elements:
    return filters.one_of(reading, url, "exception", FINDINGS, "Exception", **chosen)


def types(reading: Reading, chosen: Chosen) -> Panel:
    """Billed against expected."""
    answer = reading.ask(TYPES, **chosen)
    values = [
        {"charge_type": row["charge_type"], "what": what, "amount": float(row[what])}
        for row in answer.rows
        for what in ("billed", "expected")
        if row[what] is not None
    ]
    chart = (
        alt.Chart(charts.drawn(values))
        .mark_bar()
        .encode(
            charts.across("amount", "Account's currency"),
            alt.Y("charge_type:N", sort=None, title=None),
            yOffset="what:N",
            color=charts.colour("what", ["billed", "expected"]),
            tooltip=charts.tips(charge_type="Type", what="", amount=("Amount", ",.2f")),
        )
    )
    total = sum(row["billed"] for row in answer.rows)
    title = f"Invoice {chosen.get('invoice', '')}: {total:,.2f} billed, before tax"
    note = "Expected stands where a rule gives it for every charge of the type."
    return Panel(title, answer, charts.finished(chart, f"{title}. {note}", alt.Step(16)), note, "billed-and-expected")


def verdicts(reading: Reading, chosen: Chosen) -> Panel:
    """What became of each charge."""
    answer = reading.ask(VERDICTS, **chosen)
    chart = (
        alt.Chart(charts.data(answer))
        .mark_bar()
        .encode(
            charts.across("charges", "Charges"),
            alt.Y("charge_type:N", title=None),
            charts.colour("status", list(COLOURS), list(COLOURS.values())),
            tooltip=charts.tips(charge_type="Type", status="", charges=("Charges", ",")),
        )
    )
    count = sum(row["charges"] for row in answer.rows)
    checked = count - sum(row["charges"] for row in answer.rows if row["status"] == "not_checked")
    title = f"{checked:,} of {count:,} charges could be checked"
    return Panel(title, answer, charts.finished(chart, title, alt.Step(28)), name="verdicts")


def exceptions(reading: Reading, chosen: Chosen) -> Panel:
    """Exceptions with their evidence."""
    answer = reading.ask(EXCEPTIONS, **chosen)
    stake = sum(row["at_stake"] for row in answer.rows)
    title = f"{answer.table.num_rows} exceptions, {stake:,.2f} at stake"
    return Panel(title, answer, name="exceptions", wide=True)


def charge(reading: Reading, chosen: Chosen) -> Panel:
    """The charge behind an exception."""
    answer = reading.ask(CHARGE, exception=chosen.get("exception"))
    return Panel(f"Charge {chosen.get('exception', '')} as the API gives it", answer, name="charge", wide=True)


PANELS = (types, verdicts, exceptions, charge)
