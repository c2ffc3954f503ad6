"""A window is cut, and the totals that the service announces say whether the cut lost or doubled a row."""

from collections.abc import Callable
from dataclasses import dataclass

from logentic.api.pagination import Page
from logentic.extract.windows import MARGIN, YEAR, Edge, Window

Ask = Callable[[Window], Page]

# A cut costs the first page of the whole; many parts at once cost it once.
MOST_PARTS = 12
# Margins, and cuts within a month that charges span, cost more than they save, but for windows so many times too large.
FAR_TOO_LARGE = 10


@dataclass(frozen=True)
class Node:
    """A window to be read; its first page where that was needed to cut it; how often it was found not to be whole;
    whether it waits for its turn among the large ones; whether it is read after all others, as it was not found;
    whether its total already differed in earlier runs.
    """

    window: Window
    first: Page | None = None
    doubts: int = 0
    is_large: bool = False
    is_last: bool = False
    is_known: bool = False


def trim(ask: Ask, window: Window, first: Page, most_pages: int) -> list[Node]:
    """The window without the margins that it is asked for with, where these cost pages and the totals show no need.

    Where it is too large, its parts at once: the same totals prove both.
    """
    core, margins = window.without_margins()
    if margins and first.total_pages > len(margins) + 2:
        rest = first.total - sum(ask(margin).total for margin in margins)
        pages = -(-rest // max(first.per_page, 1))
        if first.total_pages - pages - len(margins) - 1 > 0:
            parts = (_parts(core, pages, most_pages) if pages > most_pages else []) or [core]
            found = [ask(part) for part in parts]
            if sum(page.total for page in found) == rest:
                return _nodes(parts, found)
    return [Node(window, first)]


def cut(ask: Ask, window: Window, first: Page | None, most_pages: int, *, in_doubt: bool = False) -> list[Node]:
    """Parts of about so many pages, or halves of what is in doubt; none where a cut would not pay."""
    whole = first or ask(window)
    must = in_doubt or whole.total_pages > FAR_TOO_LARGE * most_pages
    parts = _parts(window, whole.total_pages, most_pages, in_doubt=in_doubt)
    if not parts:
        return _cut_month(ask, window, whole) if must else []
    pages = [ask(part) for part in parts]
    if sum(page.total for page in pages) != whole.total:
        # A row may have arrived in between: ask once more before paying for margins.
        whole = ask(window)
    if sum(page.total for page in pages) != whole.total:
        if not must and window.end - window.start < 32 * MARGIN[window.filter]:
            return []
        parts = window.parts(2, Edge.SHARED)
        pages = [ask(part) for part in parts]
    return _nodes(parts, pages)


def _parts(window: Window, pages: int, most_pages: int, *, in_doubt: bool = False) -> list[Window]:
    if window.end - window.start > 2 * YEAR:  # before the account began there is nothing: one part is enough for it
        return window.last_year(Edge.PROVEN)
    count = 2 if in_doubt else min(max(-(-pages // most_pages), 2), MOST_PARTS)
    return window.parts(count, Edge.PROVEN)


def _cut_month(ask: Ask, window: Window, whole: Page) -> list[Node]:
    parts = window.parts(2, Edge.PROVEN, within_months=True)
    pages = [ask(part) for part in parts]
    return _nodes(parts, pages) if sum(page.total for page in pages) == whole.total else []


def _nodes(parts: list[Window], pages: list[Page]) -> list[Node]:
    return [Node(part, page) for part, page in zip(parts, pages, strict=True)]
