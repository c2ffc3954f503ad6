"""Render a panel: a title, the chart, and the table with its download."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from html import escape
from typing import Any

import duckdb
import marimo as mo

from logentic.currencies import minor_digits, money
from logentic.dashboard.snapshot import QueryResult, Snapshot
from logentic.errors import LogenticError
from logentic.reports.humanize import label
from logentic.sanitizer import one_line
from logentic.settings import load_settings

Selection = dict[str, Any]
ROWS_SHOWN = 200
LINKS_BY_TAB = 30  # per table; in larger tables arrow keys move between links
NOTHING = "Nothing to show for this choice."
Link = Callable[[dict[str, Any]], str]  # the address for a row; empty for none
Links = Mapping[str, Link]  # by column
# Columns with codes, which are shown as words.
CODES = (
    *("charge_type", "status", "kind", "rule", "resource", "movement_type", "outcome", "order_type", "step", "subject"),
    *("measure", "direction", "state", "part", "tie_out"),
)


@dataclass(frozen=True)
class Panel:
    """A panel. A `table` alone is open; beside a chart it is collapsed. `extra` elements come last.

    `name` is the name of the download, and of the panel in a URL; without it there is neither. Columns in `hidden` are
    for links and the download only.
    """

    title: str
    table: QueryResult | None = None
    chart: Any = None
    note: str = ""
    name: str = ""
    wide: bool = False
    extra: tuple[mo.Html, ...] = field(default=())
    links: Links = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    state: str = ""  # good or bad; the title repeats it in words
    empty: str = ""  # shown instead of a table without rows


PanelOf = Callable[[Snapshot, Selection], Panel | None]  # None: not shown for this selection


@dataclass(frozen=True)
class Tile:
    label: str
    value: str
    note: str = ""
    state: str = ""  # good, bad or empty; the note repeats it in words
    link: str = ""  # to the page that lists the counted rows


def render_page(
    snapshot: Snapshot,
    selection: Selection,
    panels: Iterable[PanelOf],
    head: Callable[[Snapshot], mo.Html] | None = None,
) -> mo.Html:
    """Render all panels of a page in one grid."""
    parts = [head(snapshot)] if head else []
    grid = [panel for make in panels if (panel := _render_safely(make, snapshot, selection))]
    page = ElementGroup(f'<div class="lg-page">{"".join(panel.text for panel in grid)}</div>', grid)
    return mo.vstack([*parts, page], gap=1)


def _render_safely(make: PanelOf, snapshot: Snapshot, selection: Selection) -> mo.Html | None:
    try:
        panel = make(snapshot, selection)
        return None if panel is None else render_panel(panel)
    except duckdb.CatalogException as error:
        return render_notice(_panel_title(make), _missing_table_text(error))
    except (duckdb.Error, LogenticError) as error:
        return render_notice(_panel_title(make), str(error).splitlines()[0])


def render_tiles(found: Iterable[Tile]) -> mo.Html:
    cells = "".join(
        f'<div class="lg-tile {escape(tile.state)}"><dt>{escape(tile.label)}</dt><dd>'
        + (f'<a href="{escape(tile.link)}">{escape(tile.value)}</a>' if tile.link else escape(tile.value))
        + f"<small>{escape(tile.note)}</small></dd></div>"
        for tile in found
    )
    return mo.Html(f'<section aria-label="At a glance"><dl class="lg-tiles">{cells}</dl></section>')


def render_notice(title: str, why: str) -> mo.Html:
    attributes = f'class="lg-panel lg-sorry" aria-label="{escape(title)}"'
    return mo.Html(f"<section {attributes}><h2>{escape(title)}</h2><p>{escape(why)}</p></section>")


def as_table(panel: Panel) -> str:
    """Return a plain table, which screen readers and printers support; the download has all rows.

    `head.html` sorts its rows.
    """
    result = panel.table or QueryResult.of([])
    rows = result.table.slice(0, ROWS_SHOWN).to_pylist()
    names = [name for name in result.columns if name not in panel.hidden]
    numeric = {name for name in names if not name.endswith("_id") and all(_is_number(row[name]) for row in rows)}
    long = {name for name in names if any(len(str(row[name])) > 40 for row in rows)}
    short = {name for name in names if all(len(str(row[name])) < 20 for row in rows)}
    kinds = (("n", numeric), ("long", long), ("short", short))
    classes = {name: next((kind for kind, those in kinds if name in those), "") for name in names}
    heads = "".join(
        f'<th scope="col" aria-sort="none" class="{classes[name]}">'
        f'<button type="button">{escape(label(name))}</button></th>'
        for name in names
    )
    cells = (
        "".join(_cell(row, name, classes[name], panel.links.get(name), name in numeric) for name in names)
        for row in rows
    )
    body = "".join(f"<tr>{each}</tr>" for each in cells)
    if body.count("<a ") > LINKS_BY_TAB:
        first, link, others = body.partition("<a ")
        body = first + link + others.replace("<a ", '<a tabindex="-1" ')
    left = result.table.num_rows - len(rows)
    more = f"<p>The first {len(rows):,} rows are shown and sorted; {left:,} more are in the download.</p>"
    title = escape(panel.title)
    return (
        f'<div class="lg-scroll" tabindex="0" role="group" aria-label="{title}"><table>'
        f"<caption>{title}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
        + (more if left > 0 else "")
    )


def _cell(
    row: dict[str, Any], name: str, kind: str, link: Callable[[dict[str, Any]], str] | None, numeric: bool
) -> str:
    value = row[name]
    shown = escape(format_value(value, name))
    address = link(row) if link and shown else ""
    shown = f'<a href="{escape(address)}">{shown}</a>' if address else shown
    exact = f' data-value="{"" if value is None else value}"' if numeric else ""
    return f'<td class="{kind}"{exact}>{shown}</td>'


def render_panel(panel: Panel) -> mo.Html:
    heading = f"<h2>{escape(panel.title)}</h2>" + (f"<p>{escape(panel.note)}</p>" if panel.note else "")
    children: list[mo.Html] = []
    inside = ""
    is_drawn = panel.chart is not None and bool(panel.table)  # an axis without values would be infinite
    if is_drawn:
        drawn = mo.as_html(panel.chart)
        inside += f'<div class="lg-chart">{drawn.text}</div>'
    if panel.table is not None and panel.table:
        shown = as_table(panel)
        if panel.name:
            button = mo.download(
                panel.table.download, filename=f"{panel.name}.csv", mimetype="text/csv", label="Download as CSV"
            )
            children.append(button)
            shown += f"<p>{button.text}</p>"
        inside += f"<details><summary>Table and download</summary>{shown}</details>" if is_drawn else shown
    elif panel.table is not None:
        inside += f"<p>{escape(panel.empty or NOTHING)}</p>"
    for extra in panel.extra:
        children.append(extra)
        inside += extra.text
    wide = " lg-wide" if panel.wide else ""
    named = f' id="{panel.name}" tabindex="-1"' if panel.name else ""
    state = f" {panel.state}" if panel.state else ""
    attributes = f'class="lg-panel{wide}{state}" aria-label="{escape(panel.title)}"{named}'
    return ElementGroup(f"<section {attributes}>{heading}{inside}</section>", children)


class ElementGroup(mo.Html):
    """HTML that keeps its elements alive, because marimo references them only weakly."""

    def __init__(self, text: str, elements: Sequence[mo.Html]) -> None:
        super().__init__(text)
        self.elements = elements


def _panel_title(make: PanelOf) -> str:
    return str(make.__doc__ or "Panel").splitlines()[0].rstrip(".")


def _missing_table_text(error: Exception) -> str:
    found = str(error).split("Table with name ")[-1].split(" ")[0]
    return f"This file has no table {found} yet. The next run with changes creates it."


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def list_fields(result: QueryResult) -> QueryResult:
    """Return a row for each field that has a value."""
    return QueryResult.of(
        [
            {"field": label(name), "value": format_value(value, name)}
            for row in result.rows
            for name, value in row.items()
            if value not in (None, "")
        ]
    )


def amount_text(amount: Any) -> str:
    """Format an amount in the account's currency."""
    return money(Decimal(amount), load_settings().currency)


def format_value(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value) if name.endswith("_id") else f"{value:,}"
    if isinstance(value, Decimal):
        # DuckDB returns the API's numbers with 24 decimals: drop trailing zeros.
        exact = f"{value:,f}"
        whole, _, decimals = exact.partition(".")
        if not decimals.strip("0") and not minor_digits(load_settings().currency):
            return whole
        return exact if len(decimals) <= 2 else ".".join(filter(None, (whole, decimals.rstrip("0"))))
    return label(one_line(value)) if name in CODES else one_line(value)
