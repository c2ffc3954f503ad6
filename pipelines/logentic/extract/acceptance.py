"""Decide when a total that never agrees with the rows is accepted. Pure: no clock, no network, no disk.

A service may count rows that it never shows (soft-deleted ones). The window is then never complete, and without an end
every run would read it again. Three equal readings end that: three runs found the same difference between the announced
total and the different keys, and from the second one on no row was new or changed. A window up to the present takes in
rows between two readings, so there the difference alone is compared. An accepted window is not complete: nothing in it
is marked as removed.
"""

from collections.abc import Iterable, Iterator

from logentic.extract.planner import last_readings
from logentic.extract.windows import DAY, Edge, Receipt, Span, Window, joined, without
from logentic.resources import SNAPSHOT

EQUAL_READINGS = 3


def earlier_readings(window: Window, receipts: Iterable[Receipt]) -> list[Receipt]:
    """Return the receipts of readings that can be compared with one of this window, the latest first."""
    mine = (receipt for receipt in receipts if (receipt.resource, receipt.filter) == (window.resource, window.filter))
    oldest_first = sorted(
        (receipt for receipt in mine if _can_be_compared(receipt, window)), key=lambda receipt: receipt.finished_at
    )
    return oldest_first[::-1]


def open_windows(receipts: Iterable[Receipt]) -> list[Receipt]:
    """Return the receipts that are neither complete nor accepted, and that no later reading has settled."""
    known = list(receipts)
    return [receipt for receipt in known if not receipt.is_covered and not _is_settled(receipt, known)]


def accepted_spans(receipts: Iterable[Receipt]) -> list[Span]:
    """Return the time of one resource whose last reading was accepted; a snapshot has none, and is one moment."""
    covered = sorted((receipt for receipt in receipts if receipt.is_covered), key=lambda receipt: receipt.finished_at)
    snapshots = [receipt for receipt in covered if receipt.filter == SNAPSHOT.name]
    spans = [receipt.span for receipt in snapshots[-1:] if receipt.is_accepted]
    for kind in sorted({receipt.filter for receipt in covered} - {SNAPSHOT.name}):
        mine = (receipt for receipt in covered if receipt.filter == kind)
        spans += joined((start, end) for start, end, _ in last_readings(mine, lambda receipt: receipt.is_complete))
    return spans


def _is_settled(receipt: Receipt, receipts: list[Receipt]) -> bool:
    """Return whether later complete or accepted readings of the resource, together, cover it."""
    later = [
        other
        for other in receipts
        if other.resource == receipt.resource
        and other.is_covered
        and (
            other.finished_at > receipt.finished_at
            or (other.finished_at == receipt.finished_at and not receipt.is_covered)
        )
    ]
    if receipt.filter == SNAPSHOT.name:
        return any(other.filter == SNAPSHOT.name for other in later)
    return not without([receipt.span], [other.span for other in later])


def has_differed(window: Window, receipts: Iterable[Receipt]) -> bool:
    """Return whether the total of this window differed from its rows when it was last read."""
    latest = next(iter(earlier_readings(window, receipts)), None)
    return latest is not None and not latest.is_complete and latest.is_steady


def was_accepted(window: Window, difference: int, receipts: Iterable[Receipt]) -> bool:
    """Return whether this difference was accepted before, and every later reading agreed."""
    return any(receipt.is_accepted for receipt in _equal(window, difference, receipts))


def is_third_equal(window: Window, difference: int, receipts: Iterable[Receipt], *, has_changes: bool) -> bool:
    """Return whether a reading with this difference is the third equal one."""
    takes_in_rows = _is_up_to_present(window)
    if has_changes and not takes_in_rows:
        return False
    runs = set[str]()
    for receipt in _equal(window, difference, receipts):
        runs.add(receipt.run_id)
        if len(runs) == EQUAL_READINGS - 1:
            return True
        if receipt.has_changes and not takes_in_rows:
            return False
    return False


def _equal(window: Window, difference: int, receipts: Iterable[Receipt]) -> Iterator[Receipt]:
    """Return the latest readings, back to the first that found another difference."""
    for receipt in earlier_readings(window, receipts):
        if receipt.is_complete or not receipt.is_steady or receipt.difference != difference:
            return
        yield receipt


def _can_be_compared(receipt: Receipt, window: Window) -> bool:
    """Return whether the reading covered the window; for a window up to the present, its beginning up to the present of
    that time.
    """
    if window.filter == SNAPSHOT.name:
        return True
    start, end = receipt.span
    if start > window.start:
        return False
    if end >= window.end:
        return True
    return _is_up_to_present(window) and window.start < end and end + DAY > receipt.finished_at


def _is_up_to_present(window: Window) -> bool:
    return window.after is Edge.OPEN
