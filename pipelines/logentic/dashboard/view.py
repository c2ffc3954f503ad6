"""The cells of the notebook: the menu, the filters of a page, its pickers, its panels."""

import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import duckdb
import marimo as mo

from logentic.dashboard import exception_queue, filters
from logentic.dashboard.pages import PAGES
from logentic.dashboard.panels import ElementGroup, PanelOf, render_notice, render_page
from logentic.dashboard.snapshot import Snapshot, open_snapshot
from logentic.errors import LogenticError

FILE_VARIABLE = "LOGENTIC_DB"


def find_file() -> Path:
    """Return the file of `logentic dashboard`; in the editor the one after `-- --db`, else the demo's."""
    return Path(os.environ.get(FILE_VARIABLE) or str(mo.cli_args().get("db") or "demo/logentic.duckdb"))


def requested_page(url: filters.Url) -> str:
    asked = str(url.get("page", "")).capitalize()
    return asked if asked in PAGES else next(iter(PAGES))


def render_menu(go: Callable[[str], None], changed: Callable[[Any], None]) -> mo.Html:
    """Return a button for each page. The style sheet marks the open one, because a redrawn menu would lose the focus.

    marimo's tabs are not used: within their shadow root the arrow keys jump to the last tab (marimo 0.25).
    """

    def opener(name: str) -> Any:
        return mo.ui.button(label=name, on_change=lambda _: go(name))

    again = mo.ui.button(label="Refresh", on_change=lambda _: changed(lambda count: count + 1))
    buttons = {name: opener(name) for name in PAGES}
    row = "".join(f'<span data-to="{name}">{button.text}</span>' for name, button in buttons.items())
    return ElementGroup(
        f'<nav class="lg-menu" aria-label="Pages"><div>{row}</div>{again.text}</nav>', [*buttons.values(), again]
    )


def page_filters(file: Path, page: str, url: filters.Url) -> Any:
    return _make_controls(file, lambda snapshot: PAGES[page].filters(snapshot, url))


def page_picks(file: Path, page: str, url: filters.Url, values: dict[str, Any]) -> Any:
    return _make_controls(file, lambda snapshot: PAGES[page].picks(snapshot, url, filters.selection_of(values, page)))


def _make_controls(file: Path, make: Callable[[Snapshot], filters.Elements]) -> Any:
    """Return the controls; none if the file cannot be read, which the panels report."""
    return _make_element(file, lambda snapshot: mo.ui.dictionary(make(snapshot)))


def page_rows(file: Path, page: str, values: dict[str, Any], changed: Callable[[Any], None]) -> Any:
    """Return the rows of the page to select from; nothing if it has none."""
    return _make_element(
        file, lambda snapshot: PAGES[page].rows(snapshot, {**filters.selection_of(values, page), "changed": changed})
    )


def _make_element(file: Path, make: Callable[[Snapshot], Any]) -> Any:
    try:
        with open_snapshot(file) as snapshot:
            element = make(snapshot)
    except (duckdb.Error, LogenticError):
        element = None
    return mo.ui.dictionary({}) if element is None else element


def render_lead(file: Path, page: str, values: dict[str, Any], changed: Callable[[Any], None]) -> mo.Html:
    """Return the panels before the rows to select from."""
    return _render_beside(file, page, values, changed, PAGES[page].lead)


def render_rows(file: Path, rows: Any, values: dict[str, Any], changed: Callable[[Any], None]) -> mo.Html:
    """Return the rows to select from, and the form that decides on them."""
    if isinstance(rows, mo.ui.dictionary):
        return mo.Html("")
    return exception_queue.render(file, values["invoice"], rows, changed)


def render_behind(file: Path, page: str, values: dict[str, Any], rows: Any) -> mo.Html:
    """Return the panels of the selected rows."""
    if isinstance(rows, mo.ui.dictionary):
        return mo.Html("")
    return _render_beside(file, page, {**values, "rows": rows.value}, None, PAGES[page].behind)


def page_draft(file: Path, page: str, values: dict[str, Any]) -> Any:
    """Return the editable wording of the page's letter; none if it has no letter."""
    return _make_controls(file, lambda snapshot: PAGES[page].draft(snapshot, filters.selection_of(values, page)))


def render_draft(draft: Any) -> mo.Html:
    """Return the fields for the letter's wording."""
    fields = list(draft.elements.values())
    if not fields:
        return mo.Html("")
    rows = "".join(f"<div>{field.text}</div>" for field in fields)
    text = (
        '<section class="lg-panel" aria-label="Words of the letter"><h2>The letter, in your words</h2>'
        "<p>The table and the evidence stay as they are. Each line is a paragraph.</p>"
        f'<div class="lg-words">{rows}</div></section>'
    )
    return ElementGroup(text, fields)


def render_drafted(file: Path, page: str, values: dict[str, Any], draft: Any) -> mo.Html:
    """Return the letter with the wording of the draft."""
    return _render_beside(file, page, {**values, "draft": draft.value}, None, PAGES[page].drafted)


def render_view(
    file: Path, page: str, url: filters.Url, values: dict[str, Any], changed: Callable[[Any], None]
) -> mo.Html:
    """Return the panels of the open page. A panel that changes something calls `changed`."""
    filters.write_url(values, page, url)
    try:
        with open_snapshot(file) as snapshot:
            chosen = {**filters.selection_of(values, page), "changed": changed}
            return render_page(snapshot, chosen, PAGES[page].panels, PAGES[page].head)
    except LogenticError as error:
        return render_notice("There is nothing to show yet", f"{error}. {error.guidance}")
    except duckdb.Error as error:
        return render_notice("This file cannot be shown", str(error).splitlines()[0])


def _render_beside(file: Path, page: str, values: dict[str, Any], changed: Any, panels: tuple[PanelOf, ...]) -> mo.Html:
    """Return panels; nothing if the file cannot be read, which `render_view` reports."""
    if not panels:
        return mo.Html("")
    try:
        with open_snapshot(file) as snapshot:
            return render_page(snapshot, {**filters.selection_of(values, page), "changed": changed}, panels)
    except (duckdb.Error, LogenticError):
        return mo.Html("")


def render_header(page: str, *groups: Any) -> mo.Html:
    """Return the page's question and its filters, side by side, or stacked on a narrow screen."""
    elements = [element for group in groups for element in group.elements.values()]
    row = "".join(f"<div>{element.text}</div>" for element in elements)
    filled = f'<form class="lg-filters" role="search" aria-label="Choose what is shown">{row}</form>' if row else ""
    question = f'<h1 class="lg-title">{page}</h1><p>{escape(PAGES[page].question)}</p>'
    return ElementGroup(
        f'<header data-page="{page}" aria-label="{page}" aria-live="polite">{question}{filled}</header>', elements
    )
