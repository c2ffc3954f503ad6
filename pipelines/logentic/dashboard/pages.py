"""The pages of the dashboard, in the order of the menu."""

from collections.abc import Callable
from dataclasses import dataclass

import marimo as mo

from logentic.dashboard import invoices, orders, overview, stock, storage
from logentic.dashboard.filters import Elements, Url
from logentic.dashboard.panels import PanelOf, Selection
from logentic.dashboard.snapshot import Snapshot


@dataclass(frozen=True)
class DashboardPage:
    """A page: its filters, then pickers whose options depend on the filters, then panels."""

    question: str
    panels: tuple[PanelOf, ...]
    filters: Callable[[Snapshot, Url], Elements] = lambda *_: {}
    picks: Callable[[Snapshot, Url, Selection], Elements] = lambda *_: {}
    head: Callable[[Snapshot], mo.Html] | None = None


PAGES = {
    "Overview": DashboardPage(
        "Is it whole and fresh, and what is to be done?", overview.PANELS, head=overview.head_tiles
    ),
    "Stock": DashboardPage(
        "What is in the building, what moved, how long does it last?", stock.PANELS, stock.controls, stock.records
    ),
    "Storage": DashboardPage("What does storage cost, and who makes it?", storage.PANELS, storage.controls),
    "Invoices": DashboardPage(
        "What is wrong with this invoice?", invoices.PANELS, invoices.controls, invoices.findings
    ),
    "Orders": DashboardPage("How far are the orders, and what does shipping cost?", orders.PANELS, orders.controls),
}
