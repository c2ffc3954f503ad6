"""For finance: what has to be booked for the month, and what must be asked about it?"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="What has to be booked for this month?")


@app.cell
def _():
    import os

    import duckdb
    import marimo as mo

    file = mo.cli_args().get("db") or os.environ.get("LOGENTIC_DB", "demo/logentic.duckdb")
    published = duckdb.connect(file, read_only=True)
    return file, mo, published


@app.cell
def _(file, mo, published):
    months = [
        month
        for (month,) in published.sql("""
            select distinct strftime(start_date, '%Y-%m') from charges where start_date is not null order by 1 desc
        """).fetchall()
    ]
    month = mo.ui.dropdown(months, months[min(1, len(months) - 1)] if months else None, label="Month")
    mo.vstack([mo.md(f"# What has to be booked for this month?\n\nRead from `{file}`, read only."), month])
    return (month,)


@app.cell
def _(mo):
    mo.md("""
    ## What was charged for it

    By the first day that a charge is for. What has no billed date yet has to be accrued.
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
        where strftime(start_date, '%Y-%m') = $month and not is_withdrawn
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
    """)
    return


@app.cell
def _(chosen, published):
    wrong = published.execute(
        """
        select exceptions.payment_id, exceptions.rule, exceptions.charge_id,
            cast(exceptions.amount_at_stake as decimal(18, 2)) as at_stake, exceptions.dispute_until,
            exceptions.evidence
        from invoice_exceptions as exceptions
        inner join charges using (charge_id)
        where strftime(charges.start_date, '%Y-%m') = $month
        order by at_stake desc
        """,
        chosen,
    ).df()
    wrong
    return (wrong,)


@app.cell
def _(charged, mo, month, published, wrong):
    billed, accrued = charged["billed"].sum(), charged["to_accrue"].sum()
    total = published.execute(
        "select coalesce(sum(amount), 0) from charges where strftime(start_date, '%Y-%m') = ? and not is_withdrawn",
        [month.value],
    ).fetchone()[0]
    assert abs(float(total) - billed - accrued) < 0.01 * (len(charged) + 1), "the parts do not add up to the charges"
    mo.md(f"""
    ## The answer for {month.value}

    **Book {billed:,.2f} as billed and accrue {accrued:,.2f}. {len(wrong)} charges,
    {wrong["at_stake"].sum():,.2f} in all, should be disputed.** Amounts are before tax, in the account's currency.
    """)
    return


if __name__ == "__main__":
    app.run()
