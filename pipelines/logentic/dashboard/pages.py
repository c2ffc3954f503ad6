"""The pages of the dashboard, in the order of the menu."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import marimo as mo

from logentic.dashboard import (
    costs,
    documents,
    exception_queue,
    health,
    invoice,
    invoices,
    month,
    orders,
    overview,
    stock,
    storage,
)
from logentic.dashboard.filters import Elements, Url
from logentic.dashboard.panels import PanelOf, Selection
from logentic.dashboard.snapshot import Snapshot


@dataclass(frozen=True)
class DashboardPage:
    """A page: its filters, then pickers whose options depend on the filters, then panels.

    The rows to select are between `lead` and `behind`, which shows the selected rows. After the panels come the draft
    of a letter and `drafted`, the letter with the words of the draft.
    """

    question: str
    panels: tuple[PanelOf, ...]
    filters: Callable[[Snapshot, Url], Elements] = lambda *_: {}
    picks: Callable[[Snapshot, Url, Selection], Elements] = lambda *_: {}
    head: Callable[[Snapshot], mo.Html] | None = None
    lead: tuple[PanelOf, ...] = ()
    rows: Callable[[Snapshot, Selection], Any] = lambda *_: None
    behind: tuple[PanelOf, ...] = ()
    draft: Callable[[Snapshot, Selection], Elements] = lambda *_: {}
    drafted: tuple[PanelOf, ...] = ()


PAGES = {
    "Overview": DashboardPage(
        "What does the warehouse cost, and what needs attention?", overview.PANELS, head=overview.head_tiles
    ),
    "Stock": DashboardPage(
        "What is in the building, what moved, how long does it last?", stock.PANELS, stock.controls, stock.records
    ),
    "Storage": DashboardPage("What does storage cost, and which items cause it?", storage.PANELS, storage.controls),
    "Costs": DashboardPage(
        "What does the warehouse cost, and why did it change?", costs.PANELS, costs.controls, costs.choices
    ),
    "Invoices": DashboardPage(
        "What is wrong with the invoices, and what is to be paid?",
        (*invoice.PANELS, documents.workbook),
        invoices.controls,
        invoices.picks,
        lead=(invoices.invoices, *invoice.LEAD),
        rows=exception_queue.rows,
        behind=exception_queue.BEHIND,
        draft=documents.draft,
        drafted=documents.DRAFTED,
    ),
    "Month": DashboardPage(
        "What did the month cost, and is it closed?",
        (*month.PANELS, documents.workbook),
        month.controls,
        draft=documents.draft,
        drafted=documents.DRAFTED,
    ),
    "Orders": DashboardPage(
        "What is the status of the orders, and what does shipping cost?", orders.PANELS, orders.controls
    ),
    "Data health": DashboardPage(
        "Is the data complete and recent?", health.PANELS, health.controls, head=health.head_tiles
    ),
}
