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

    file = view.file_to_show()
    url = dict(mo.query_params().to_dict())
    return file, mo, url, view


@app.cell
def _(mo):
    changes, changed = mo.state(0)
    again = mo.ui.button(label="Read the file again", value=0, on_click=lambda count: count + 1)
    return again, changed, changes


@app.cell
def _(again, url, view):
    menu = view.menu(url)
    view.navigation(menu, again)
    return (menu,)


@app.cell
def _(again, changes, file, menu, url, view):
    again.value, changes()
    filters = view.page_filters(file, menu.value, url)
    return (filters,)


@app.cell
def _(file, filters, menu, url, view):
    picks = view.page_picks(file, menu.value, url, filters.value)
    view.top(menu.value, filters, picks)
    return (picks,)


@app.cell
def _(changed, file, filters, menu, picks, url, view):
    view.shown(file, menu.value, url, {**filters.value, **picks.value}, changed)
    return


if __name__ == "__main__":
    app.run()
