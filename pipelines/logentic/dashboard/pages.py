"""The pages of the dashboard, in the order of the menu, and what makes one."""

from collections.abc import Callable
from dataclasses import dataclass

import marimo as mo

from logentic.dashboard import invoices, orders, overview, stock, storage
from logentic.dashboard.filters import Elements, Url
from logentic.dashboard.panels import Chosen, PanelOf
from logentic.dashboard.reading import Reading


def _no_filters(_: Reading, __: Url) -> Elements:
    return {}


def _no_picks(_: Reading, __: Url, ___: Chosen) -> Elements:
    return {}


@dataclass(frozen=True)
class Page:
    """`filters` come first; `picks` are offered among what they leave."""

    question: str
    panels: tuple[PanelOf, ...]
    filters: Callable[[Reading, Url], Elements] = _no_filters
    picks: Callable[[Reading, Url, Chosen], Elements] = _no_picks
    head: Callable[[Reading], mo.Html] | None = None


PAGES = {
    "Overview": Page("Is it whole and fresh, and what is to be done?", overview.PANELS, head=overview.glance),
    "Stock": Page(
        "What is in the building, what moved, how long does it last?", stock.PANELS, stock.controls, stock.records
    ),
    "Storage": Page("What does storage cost, and who makes it?", storage.PANELS, storage.controls),
    "Invoices": Page("What is wrong with this invoice?", invoices.PANELS, invoices.controls, invoices.findings),
    "Orders": Page("How far are the orders, and what does shipping cost?", orders.PANELS, orders.controls),
}
