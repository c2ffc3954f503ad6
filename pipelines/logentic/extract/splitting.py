"""Split a window. The announced totals show whether the split lost or duplicated a row."""

from collections.abc import Callable
from dataclasses import dataclass

from logentic.api.pagination import Page
from logentic.extract.windows import YEAR, Edge, Window

AskFirstPage = Callable[[Window], Page]

# A split reads the first page of the whole again, so split into many parts at once.
MOST_PARTS = 12
# Overlaps, and splits within a month that charges span, cost more than they save, except for windows this many times
# too large.
FAR_TOO_LARGE = 10


@dataclass(frozen=True)
class WindowTask:
    """A window to be read."""

    window: Window
    first: Page | None = None  # the window's first page, if it was read to plan the split
    attempts: int = 0  # how often an enclosing window was read and was not complete
    is_large: bool = False  # large windows wait for each other
    is_last: bool = False  # not found before; read after all others
    has_differed: bool = False  # its total differed from its rows in earlier runs


def drop_overlaps(ask: AskFirstPage, window: Window, first: Page, most_pages: int) -> list[WindowTask]:
    """Return the window without its overlaps, if these cost pages and the totals show that they are not needed.

    If it is too large, return its parts at once: the same totals confirm both.
    """
    core, overlaps = window.without_overlaps()
    if overlaps and first.total_pages > len(overlaps) + 2:
        rest = first.total - sum(ask(overlap).total for overlap in overlaps)
        pages = -(-rest // max(first.per_page, 1))
        if first.total_pages - pages - len(overlaps) - 1 > 0:
            parts = (_parts(core, pages, most_pages) if pages > most_pages else []) or [core]
            found = [ask(part) for part in parts]
            if sum(page.total for page in found) == rest:
                return _tasks(parts, found)
    return [WindowTask(window, first)]


def split(
    ask: AskFirstPage, window: Window, first: Page | None, most_pages: int, *, is_incomplete: bool = False
) -> list[WindowTask]:
    """Return parts of about this many pages, or halves of an incomplete window; none if a split would not pay."""
    whole = first or ask(window)
    must = is_incomplete or whole.total_pages > FAR_TOO_LARGE * most_pages
    parts = _parts(window, whole.total_pages, most_pages, is_incomplete=is_incomplete)
    if not parts:
        return _split_month(ask, window, whole) if must else []
    pages = [ask(part) for part in parts]
    if sum(page.total for page in pages) != whole.total:
        # A row may have been added in between: ask again before reading with overlaps.
        whole = ask(window)
    if sum(page.total for page in pages) != whole.total:
        if not must and window.end - window.start < 32 * window.kind.overlap:
            return []
        parts = window.parts(2, Edge.SHARED)
        pages = [ask(part) for part in parts]
    return _tasks(parts, pages)


def _parts(window: Window, pages: int, most_pages: int, *, is_incomplete: bool = False) -> list[Window]:
    if window.end - window.start > 2 * YEAR:  # before the account began there are no rows: one part is enough
        return window.last_year(Edge.EXACT)
    count = 2 if is_incomplete else min(max(-(-pages // most_pages), 2), MOST_PARTS)
    return window.parts(count, Edge.EXACT)


def _split_month(ask: AskFirstPage, window: Window, whole: Page) -> list[WindowTask]:
    parts = window.parts(2, Edge.EXACT, within_months=True)
    pages = [ask(part) for part in parts]
    return _tasks(parts, pages) if sum(page.total for page in pages) == whole.total else []


def _tasks(parts: list[Window], pages: list[Page]) -> list[WindowTask]:
    return [WindowTask(part, page) for part, page in zip(parts, pages, strict=True)]
