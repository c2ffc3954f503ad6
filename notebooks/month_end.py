"""For finance: what has to be booked for the month, and what must be asked about it?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="What has to be booked for this month?")


@app.cell
def _():
    import os

    import duckdb
    import marimo as mo

    from logentic.reports.exceptions import read_findings, sum_open_amounts

    file = mo.cli_args().get("db") or os.environ.get("LOGENTIC_DB", "demo/logentic.duckdb")
    published = duckdb.connect(file, read_only=True)
    return file, mo, published, read_findings, sum_open_amounts


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
def _(month, published):
    chosen = {"month": month.value}
    charged = published.execute(
        """
        select
            charge_type, count(*) as charges,
            cast(coalesce(sum(amount) filter (where is_billed), 0) as decimal(18, 2)) as billed,
            cast(coalesce(sum(amount) filter (where not is_billed), 0) as decimal(18, 2)) as to_accrue,
            count(*) filter (where is_amount_unreadable) as unreadable_amounts
        from charges
        where date_trunc('month', coalesce(start_date, billed_date)) = $month and not is_withdrawn
        group by charge_type
        order by charge_type
        """,
        chosen,
    ).df()
    charged
    return charged, chosen


@app.cell
def _(mo):
    mo.md("""
    ## What is wrong with it

    What `logentic reconcile --month` lists: the table `exception_status`, with decisions that the next run publishes.
    """)
    return


@app.cell
def _(file, mo, month, read_findings):
    from pathlib import Path

    wrong = read_findings(Path(file), month=month.value)
    mo.ui.table(
        [
            {
                "invoice": finding.payment_id,
                "rule": finding.rule,
                "charge": finding.charge_id,
                "status": finding.status,
                "recoverable": finding.recoverable,
                "in_your_favour": finding.in_your_favour,
                "dispute_until": finding.dispute_until,
                "evidence": finding.evidence,
            }
            for finding in wrong
        ],
        selection=None,
    )
    return (wrong,)


@app.cell
def _(charged, mo, month, published, sum_open_amounts, wrong):
    billed, accrued = charged["billed"].sum(), charged["to_accrue"].sum()
    total = published.execute(
        "select coalesce(sum(value), 0) from month_facts where subject = 'charge' and month = ?", [month.value]
    ).fetchone()[0]
    assert abs(float(total) - billed - accrued) < 0.01 * (len(charged) + 1), "the parts do not add up to the charges"
    amounts = sum_open_amounts(wrong)
    mo.md(f"""
    ## The answer for {month.selected_key}

    **Book {billed:,.2f} as billed and accrue {accrued:,.2f}. Of {len(wrong)} exceptions,
    {amounts.recoverable:,.2f} is recoverable and {amounts.in_your_favour:,.2f} is in your favour.**
    The two are never set off against each other. Amounts are before tax, in the account's currency.
    """)
    return


if __name__ == "__main__":
    app.run()
