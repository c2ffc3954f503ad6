"""For analysts: will we run out of anything? The same answer twice, with DuckDB and with pandas."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Will we run out of anything?")


@app.cell
def _():
    import os

    import altair as alt
    import duckdb
    import marimo as mo

    file = mo.cli_args().get("db") or os.environ.get("LOGENTIC_DB", "demo/logentic.duckdb")
    published = duckdb.connect(file, read_only=True)
    mo.md(f"""
    # Will we run out of anything?

    Read from `{file}`, read only. A run that publishes meanwhile does not disturb this notebook: run it again to see
    what is new. Every column is explained in `docs/tables.md`.
    """)
    return alt, mo, published


@app.cell
def _(mo):
    mo.md("""
    ## What is there today?

    DuckDB aggregates where the data are. Only the rows that are shown come into Python.
    """)
    return


@app.cell
def _(mo, published):
    today = published.sql("""
        select stock.sku, items.name, supply, prepared, receiving, physical, days_of_cover
        from stock_daily as stock
        left join items using (item_id)
        where date = (select max(date) from stock_daily)
        order by days_of_cover nulls last, stock.sku
    """).df()
    mo.ui.table(today, selection=None, format_mapping={"days_of_cover": "{:.1f}"}, show_column_summaries=False)
    return (today,)


@app.cell
def _(alt, today):
    first = today.dropna(subset="days_of_cover").head(20)
    bars = first[["sku", "name", "days_of_cover"]].to_dict("records")
    alt.Chart(
        alt.Data(values=[{**row, "days_of_cover": float(row["days_of_cover"])} for row in bars]),
        width="container",
        title=f"The {len(first)} items that run out first",
    ).mark_bar().encode(
        alt.X("days_of_cover:Q", title="Days of cover"),
        alt.Y("sku:N", sort=None, title=None),
        tooltip=[alt.Tooltip("sku:N"), alt.Tooltip("name:N"), alt.Tooltip("days_of_cover:Q", format=".1f")],
    )
    return


@app.cell
def _(mo):
    mo.md("""
    ## Days of cover, made twice

    `days_of_cover` is the stock divided by what was shipped per day over the 28 days before. Here it is made again
    in pandas, from the ledger, and compared.
    """)
    return


@app.cell
def _(published, today):
    ledger = published.sql("""
        select sku, date, shipped, closing from stock_ledger_daily
        where date > (select max(date) from stock_ledger_daily) - 29
    """).df()
    last = ledger["date"].max()
    before = ledger[ledger["date"] < last].groupby("sku")["shipped"].sum()
    closing = ledger[ledger["date"] == last].set_index("sku")["closing"]
    cover = (closing * 28 / before[before > 0]).rename("by_pandas")
    compared = today.set_index("sku")[["name", "physical", "days_of_cover"]].join(cover)
    compared.dropna().sort_values("by_pandas").round(1)
    return (compared,)


@app.cell
def _(compared):
    both = compared.dropna()
    largest = (both["days_of_cover"].astype(float) - both["by_pandas"]).abs().max() if len(both) else 0.0
    assert largest < 0.01, f"DuckDB and pandas differ by {largest} days"
    return


@app.cell
def _(compared, mo, today):
    soon = compared[compared["by_pandas"] < 14].index
    arriving = today.set_index("sku")["receiving"]
    without = [f"{sku} {compared.loc[sku, 'name'] or ''}".strip() for sku in soon if arriving.get(sku, 0) == 0]
    mo.md(f"""
    ## The answer

    **{len(soon)} items last less than two weeks. For {len(without)} of them nothing is announced**:
    {", ".join(sorted(without)) or "none"}.
    """)
    return


if __name__ == "__main__":
    app.run()
