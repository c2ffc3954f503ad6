"""For engineers: can the tables be trusted today? Receipts, lag, versions, what was read twice."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(app_title="Can the tables be trusted today?")


@app.cell
def _():
    import os

    import altair as alt
    import duckdb
    import marimo as mo

    file = mo.cli_args().get("db") or os.environ.get("LOGENTIC_DB", "demo/logentic.duckdb")
    published = duckdb.connect(file, read_only=True)
    mo.md(f"# Can the tables be trusted today?\n\nRead from `{file}`, read only.")
    return alt, mo, published


@app.cell
def _(mo):
    mo.md("""
    ## Did every window give what was announced?

    A window is complete when as many different keys were read as the service announced. Each reading leaves a receipt.
    """)
    return


@app.cell
def _(mo, published):
    receipts = published.sql("""
        select
            resource, count(*) as windows, sum(rows_read) as rows_read, sum(rows_new) as rows_new,
            sum(rows_changed) as rows_changed, sum(rows_removed) as rows_removed, sum(requests) as requests,
            count(*) filter (where not is_complete and not is_accepted) as incomplete,
            count(*) filter (where is_accepted) as accepted, max(finished_at) as last_read
        from logentic_staging.stg_extract_windows
        group by resource
        order by resource
    """).df()
    mo.ui.table(
        receipts,
        selection=None,
        format_mapping=dict.fromkeys(("rows_read", "rows_new", "rows_changed", "rows_removed", "requests"), "{:,.0f}")
        | {"last_read": "{:%Y-%m-%d %H:%M}"},
        show_column_summaries=False,
    )
    return (receipts,)


@app.cell
def _(alt, receipts):
    kinds = {"rows_new": "new", "rows_changed": "changed", "rows_removed": "removed"}
    bars = [
        {"resource": row["resource"].replace("_", " "), "rows": float(row[name]), "what": words}
        for row in receipts.to_dict("records")
        for name, words in kinds.items()
    ]
    alt.Chart(alt.Data(values=bars), width="container", title="What the windows brought").mark_bar().encode(
        alt.X("rows:Q", title="Rows"),
        alt.Y("resource:N", title=None),
        alt.Color("what:N", title=None, sort=list(kinds.values())),
    )
    return


@app.cell
def _(mo):
    mo.md("""
    ## How many versions does each key have?

    Raw tables are logs: a key that changed has several rows. Very many may mean that something counts as changed
    although it is not.
    """)
    return


@app.cell
def _(mo, published):
    versions = published.sql("""
        select 'orders' as resource, count(*) as versions, count(distinct id) as keys from logentic_raw.orders
        union all
        select 'items', count(*), count(distinct id) from logentic_raw.items
        union all
        select 'payment_items', count(*), count(distinct id) from logentic_raw.payment_items
    """).df()
    versions["versions_per_key"] = versions["versions"] / versions["keys"]
    mo.ui.table(
        versions,
        selection=None,
        format_mapping={"versions": "{:,}", "keys": "{:,}", "versions_per_key": "{:.2f}"},
        show_column_summaries=False,
    )
    return


@app.cell
def _(mo):
    mo.md("""
    ## Does the ledger agree with the warehouse's history?
    """)
    return


@app.cell
def _(published):
    agreement = published.sql("""
        select
            count(*) as item_days, count(*) filter (where is_observed) as compared,
            count(*) filter (where unreconciled <> 0) as differ
        from stock_ledger_daily
    """).df()
    agreement
    return (agreement,)


@app.cell
def _(agreement, mo, receipts):
    incomplete, differ = int(receipts["incomplete"].sum()), int(agreement["differ"].iloc[0])
    trusted = "Yes" if incomplete == 0 and differ == 0 else "Not in everything"
    mo.md(f"""
    ## The answer

    **{trusted}: {incomplete} windows were incomplete when they were read, and ledger and history differ on {differ} of
    {int(agreement["compared"].iloc[0]):,} item-days that could be compared.**
    """)
    return


if __name__ == "__main__":
    app.run()
