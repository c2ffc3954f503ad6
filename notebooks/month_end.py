"""For finance: what has to be booked for the month, and what must be asked about it?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="What has to be booked for this month?")


@app.cell
def _():
    import decimal
    import os

    import altair as alt
    import duckdb
    import marimo as mo

    from logentic.currencies import money
    from logentic.reports.exceptions import read_findings, sum_open_amounts
    from logentic.settings import load_settings

    file = mo.cli_args().get("db") or os.environ.get("LOGENTIC_DB", "demo/logentic.duckdb")
    published = duckdb.connect(file, read_only=True)
    currency = load_settings().currency

    def amount(value):
        return "" if value is None else money(value, currency)

    return alt, amount, currency, decimal, file, mo, published, read_findings, sum_open_amounts


@app.cell
def _(file, mo, published):
    months = {
        f"{month:%Y-%m}": month
        for (month,) in published.sql("""
            select distinct month from month_facts where subject = 'charge' and value is not null order by 1 desc
        """).fetchall()
    }
    month = mo.ui.dropdown(months, list(months)[min(1, len(months) - 1)] if months else None, label="Month")
    mo.vstack([mo.md(f"# What has to be booked for this month?\n\nRead from `{file}`, read only."), month])
    return (month,)


@app.cell
def _(mo):
    mo.md("""
    ## What was charged for it

    By the first day that a charge is for, else by its billed date. What has no billed date yet has to be accrued.
    Withdrawn charges count nowhere. Charges whose amount could not be read are counted in `unreadable_amounts`; the
    sums leave them out.
    """)
    return


@app.cell
def _(amount, mo, month, published):
    chosen = {"month": month.value}
    charged = (
        published.sql(
            """
            select
                charge_type, count(*) as charges,
                cast(coalesce(sum(amount) filter (where is_billed), 0) as decimal(18, 2)) as billed,
                cast(coalesce(sum(amount) filter (where not is_billed), 0) as decimal(18, 2)) as to_accrue,
                count(*) filter (where is_amount_unreadable) as unreadable_amounts
            from charges
            where date_trunc('month', coalesce(start_date, billed_date)) = $month and not is_withdrawn
            group by charge_type
            order by billed + to_accrue desc
            """,
            params=chosen,
        )
        .to_arrow_table()
        .to_pylist()
    )
    mo.ui.table(
        charged,
        selection=None,
        format_mapping={"billed": amount, "to_accrue": amount},
        text_justify_columns={"billed": "right", "to_accrue": "right"},
        show_data_types=False,
        show_column_summaries=False,
    )
    return (charged,)


@app.cell
def _(alt, charged, currency):
    parts = {"billed": "billed", "to_accrue": "to accrue"}
    bars = [
        {"type": row["charge_type"], "part": words, "cost": float(row[name])}
        for row in charged
        for name, words in parts.items()
    ]
    alt.Chart(alt.Data(values=bars), width="container", title="What was charged, by type").mark_bar().encode(
        alt.X("cost:Q", title=f"Cost, {currency}"),
        alt.Y("type:N", sort=None, title=None),
        alt.Color("part:N", title=None, sort=list(parts.values())),
    )
    return


@app.cell
def _(mo):
    mo.md("""
    ## What is wrong with it

    What `logentic reconcile --month` lists: the table `exception_status`, with decisions that the next run publishes.
    """)
    return


@app.cell
def _(amount, file, mo, month, read_findings):
    from pathlib import Path

    wrong = read_findings(Path(file), month=month.value)
    shown = ["recoverable", "in_your_favour"] if wrong else []  # a table without rows has no columns
    mo.ui.table(
        [
            {
                "invoice": str(finding.payment_id or "none yet"),
                "rule": finding.rule.replace("_", " "),
                "of": finding.item or finding.order_name or "",
                "charge": str(finding.charge_id or "missing"),
                "status": finding.status,
                "recoverable": finding.recoverable,
                "in_your_favour": finding.in_your_favour,
                "dispute_until": finding.dispute_until,
                "evidence": finding.evidence,
            }
            for finding in wrong
        ],
        selection=None,
        format_mapping=dict.fromkeys(shown, amount),
        text_justify_columns=dict.fromkeys(shown, "right"),
        wrapped_columns=["evidence"] if wrong else [],
        show_data_types=False,
        show_column_summaries=False,
    )
    return (wrong,)


@app.cell
def _(amount, charged, currency, decimal, mo, month, published, sum_open_amounts, wrong):
    billed, accrued = (sum((row[name] for row in charged), decimal.Decimal(0)) for name in ("billed", "to_accrue"))
    total = published.execute(
        "select coalesce(sum(value), 0) from month_facts where subject = 'charge' and month = ?", [month.value]
    ).fetchone()[0]
    rounding = decimal.Decimal("0.01") * (len(charged) + 1)  # each type is rounded by itself
    assert abs(total - billed - accrued) < rounding, "the parts do not add up to the charges"
    amounts = sum_open_amounts(wrong)
    mo.md(f"""
    ## The answer for {month.selected_key}

    **Book {amount(billed)} as billed and accrue {amount(accrued)}. Of {len(wrong)} exceptions,
    {amount(amounts.recoverable)} is recoverable and {amount(amounts.in_your_favour)} is in your favour.**
    The two are never set off against each other. Amounts are in {currency}, before tax.
    """)
    return


if __name__ == "__main__":
    app.run()
