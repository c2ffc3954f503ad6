# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""The dashboard, as an app: `logentic dashboard --db FILE`.

To change it: `marimo edit notebooks/dashboard.py -- --db FILE`.
The work is done in logentic/dashboard/; the cells below only say what depends on what, so that marimo asks again for
nothing but what a choice has changed.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Logentic", css_file="dashboard.css")


@app.cell
def _():
    import marimo as mo

    from logentic.dashboard import view

    file = view.find_file()
    url = dict(mo.query_params().to_dict())
    return file, mo, url, view


@app.cell
def _(mo, url, view):
    page, go = mo.state(view.requested_page(url))
    changes, changed = mo.state(0)
    return changed, changes, go, page


@app.cell
def _(changed, go, view):
    menu = view.render_menu(go, changed)
    menu
    return (menu,)


@app.cell
def _(changes, file, page, url, view):
    changes()
    filters = view.page_filters(file, page(), url)
    return (filters,)


@app.cell
def _(file, filters, page, url, view):
    picks = view.page_picks(file, page(), url, filters.value)
    view.render_header(page(), filters, picks)
    return (picks,)


@app.cell
def _(changed, file, filters, page, picks, view):
    values = {**filters.value, **picks.value}
    lead = view.render_lead(file, page(), values, changed)
    lead
    return lead, values


@app.cell
def _(changed, file, page, values, view):
    rows = view.page_rows(file, page(), values, changed)
    queue = view.render_rows(file, rows, values, changed)
    queue
    return queue, rows


@app.cell
def _(file, page, rows, values, view):
    behind = view.render_behind(file, page(), values, rows)
    behind
    return (behind,)


@app.cell
def _(changed, file, page, url, values, view):
    shown = view.render_view(file, page(), url, values, changed)
    shown
    return (shown,)


@app.cell
def _(file, page, values, view):
    draft = view.page_draft(file, page(), values)
    words = view.render_draft(draft)
    words
    return draft, words


@app.cell
def _(draft, file, page, values, view):
    letter = view.render_drafted(file, page(), values, draft)
    letter
    return (letter,)


if __name__ == "__main__":
    app.run()
