"""Controls of a page, stored in the URL, so that a view can be shared."""

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import marimo as mo

from logentic.dashboard.snapshot import Snapshot
from logentic.reports.humanize import label as code_label

ALL_ITEMS = "All items"
Url = dict[str, Any]
Elements = dict[str, Any]

SPANS = {
    "stock": "select min(date) as first, max(date) as last from stock_daily",
    "storage": "select min(date) as first, max(date) as last from storage_cost_daily",
    "orders": """
        select cast(min(created_at) as date) as first, cast(max(created_at) as date) as last from orders
    """,
}
MONTHS = """
select distinct strftime(month, '%Y-%m') as month, strftime(month, '%B %Y') as label
from month_facts where subject = 'charges' order by month desc
"""
ITEMS = (
    "select item_id, coalesce(sku || coalesce(' · ' || name, ''), name, cast(item_id as varchar)) as label from items"
)


def choose_days(snapshot: Snapshot, url: Url, of: str, last: int = 90) -> Elements:
    """Return a date range within the days of the tables; by default the last ones."""
    found = snapshot.query(SPANS[of]).first_row
    if found["last"] is None:
        return {}
    first, stop = found["first"], found["last"]
    start = _day(url.get("from")) or stop - timedelta(days=last - 1)
    end = _day(url.get("to")) or stop
    start, end = min(max(start, first), stop), min(max(end, first), stop)
    return {"days": mo.ui.date_range(first, stop, (min(start, end), max(start, end)), label="Days")}


def choose_item(snapshot: Snapshot, url: Url) -> Elements:
    return choose_row(snapshot, url, "item", ITEMS + " order by label", "Item", everything=ALL_ITEMS, searchable=True)


def choose_row(
    snapshot: Snapshot,
    url: Url,
    name: str,
    query: str,
    label: str,
    *,
    everything: str = "",
    searchable: bool = False,
    **values: Any,
) -> Elements:
    """Return a dropdown: the first column of the query is the value, its column `label` the text."""
    options: dict[str, Any] = {everything: None} if everything else {}
    for row in snapshot.query(query, **values).rows:
        value = next(iter(row.values()))
        shown = str(row["label"])
        options[f"{shown} ({value})" if shown in options else shown] = value
    return choose_among(url, name, options, label, searchable=searchable)


def choose_among(url: Url, name: str, options: dict[str, Any], label: str, *, searchable: bool = False) -> Elements:
    """Return a dropdown of text → value; nothing if there are no options."""
    if not options:
        return {}
    asked = str(url.get(name, ""))
    begun = next((shown for shown, value in options.items() if value is not None and str(value) == asked), None)
    return {name: mo.ui.dropdown(options, begun or next(iter(options)), searchable=searchable, label=label)}


def choose_code(url: Url, name: str, codes: list[str], label: str, everything: str) -> Elements:
    """Return a dropdown of codes, shown as words; `everything` chooses none."""
    return choose_among(url, name, {everything: None} | {code_label(code): code for code in codes}, label)


def choose_word(url: Url, name: str, options: list[str], label: str) -> Elements:
    """Return a dropdown of words."""
    asked = str(url.get(name, ""))
    return {name: mo.ui.dropdown(options, asked if asked in options else options[0], label=label)}


def selection_of(values: dict[str, Any], page: str) -> dict[str, Any]:
    """Return the parameters of the panels: `start` and `stop` of the days, and null for everything not chosen.

    `here` is the view's own address, for `link_here`.
    """
    span = values.get("days") or (date(1970, 1, 1), date(9999, 12, 31))
    given = {name: value for name, value in values.items() if name != "days"}
    here = address(values, page)
    return {"item": None, "warehouse": None, "start": span[0], "stop": span[1], "here": here, **given}


def address(values: dict[str, Any], page: str) -> dict[str, str]:
    """Return the URL parameters with which a page shows the current selection."""
    wanted = {"page": page.lower()}
    if span := values.get("days"):
        wanted |= {"from": span[0].isoformat(), "to": span[1].isoformat()}
    return wanted | {name: str(value) for name, value in values.items() if isinstance(value, str | int) and value != ""}


def page_link(page: str, panel: str = "", **values: Any) -> str:
    """Return the link to a page, and to one of its panels."""
    given = {name.rstrip("_"): value for name, value in values.items() if value not in (None, "")}
    return "?" + urlencode({"page": page, **given}) + (f"#{panel}" if panel else "")


def link_here(selection: dict[str, Any], panel: str = "", **changes: Any) -> str:
    """Return the link to the same view with other choices; None removes one. `from_` is the parameter `from`.

    A selection not made on a page, such as an assistant's, has no view.
    """
    values = selection.get("here", {}) | {name.rstrip("_"): value for name, value in changes.items()}
    return page_link(values.pop("page", ""), panel, **values)


def write_url(values: dict[str, Any], page: str, url: Url) -> None:
    """Write the selection to the URL; remove what the page does not use."""
    wanted = address(values, page)
    query = mo.query_params()
    for name in [name for name in url if name not in wanted]:
        query.remove(name)
    for name, value in wanted.items():
        if url.get(name) != value:
            query.set(name, value)
    url.clear()
    url.update(wanted)


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        return None
