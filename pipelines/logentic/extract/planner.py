"""Plan which windows to read. Pure: no clock, no network, no disk."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from logentic.extract.windows import (
    DAY,
    WEEK,
    Edge,
    Receipt,
    Span,
    Window,
    day_after,
    first_of_month,
    joined,
    midnight,
    snapshot,
    without,
)
from logentic.resources import RESOURCES, SNAPSHOT, Resource
from logentic.settings import Settings


@dataclass(frozen=True)
class Ask:
    """The windows that a run wants: everything new up to `now`, or [start, end) again."""

    now: datetime
    run_id: str
    start: datetime | None = None
    end: datetime | None = None
    is_selective: bool = False  # resources selected by the user are read now


def plan(name: str, ask: Ask, receipts: list[Receipt], settings: Settings, unbilled_since: date | None) -> list[Window]:
    """Return the windows that a resource still needs in this run, oldest first."""
    resource = RESOURCES[name]
    mine = [receipt for receipt in receipts if receipt.resource == name]
    if resource.window is SNAPSHOT:
        return [] if any(_holds_today(receipt, ask) for receipt in mine) else [snapshot(name, ask.now)]
    beginning = midnight(settings.earliest_date)
    windows = []
    for kind, wanted, end in _wanted(resource, ask, mine, settings, unbilled_since):
        this_run = [r.span for r in mine if r.filter == kind and r.run_id == ask.run_id]
        past = [r for r in mine if r.filter == kind and r.run_id != ask.run_id and not r.is_ahead(ask.now)]
        cuts = [] if ask.start or ask.end else _boundaries(past)
        for a, b in without(wanted, this_run):
            before = Edge.OPEN if a <= beginning else Edge.OUTER
            after = Edge.OPEN if b >= end and ask.end is None else Edge.OUTER
            points = [a, *(at for at in cuts if a < at < b), b]
            parts = [Window(name, kind, p, q, Edge.SHARED, Edge.SHARED) for p, q in pairwise(points)]
            parts[0] = replace(parts[0], before=before)
            parts[-1] = replace(parts[-1], after=after)
            windows += parts
    return windows


def _holds_today(receipt: Receipt, ask: Ask) -> bool:
    """Return whether a snapshot is still valid: it is read once per run, and once per day it must be complete and
    confirmed.
    """
    if receipt.run_id == ask.run_id:
        return receipt.is_covered
    of_today = receipt.finished_at.date() == ask.now.date() and not receipt.is_ahead(ask.now)
    is_settled = receipt.is_accepted or (receipt.is_complete and receipt.is_confirmed)
    return of_today and is_settled and not ask.is_selective


def _wanted(
    resource: Resource, ask: Ask, receipts: list[Receipt], settings: Settings, unbilled_since: date | None
) -> Iterable[tuple[str, list[Span], datetime]]:
    """Return (filter, spans to read, end of the resource), before subtracting what this run has already read."""
    kind = resource.window
    beginning = midnight(settings.earliest_date)
    today = ask.now.astimezone(ZoneInfo(settings.timezone)).date()
    tomorrow = midnight(max(today, ask.now.date())) + DAY
    end = ask.now if resource.has_moments(kind) else tomorrow
    if ask.start or ask.end:
        yield kind.name, [(max(ask.start or beginning, beginning), min(ask.end or end, end))], end
        return
    past = [r for r in receipts if r.run_id != ask.run_id and not r.is_ahead(ask.now)]
    read = [
        # A window proves nothing about changes made after it was read, whatever its end is.
        replace(
            r,
            span=(
                max(r.span[0], beginning),
                min(r.span[1], end, r.finished_at if end == ask.now else day_after(r.finished_at)),
            ),
        )
        for r in _still_covered([r for r in past if r.filter == kind.name])
    ]
    reached = max((r.span[1] for r in read), default=beginning)
    reread_from = reached - resource.look_back(settings)
    if kind.is_monthly:  # the open billing period
        open_since = unbilled_since or tomorrow.date()
        reread_from = min(reread_from, first_of_month(ask.now), first_of_month(midnight(open_since)))
    if resource.settled and past:
        yield resource.settled.name, [(_settled_since(resource, past, ask, settings), tomorrow)], tomorrow
    if not kind.is_exact:
        reread_from = midnight(reread_from.date())
    wanted = without([(beginning, end)], [(r.span[0], min(r.span[1], reread_from)) for r in read])
    yield kind.name, joined(wanted + unconfirmed(read, settings.confirm_pages)), end


def _still_covered(receipts: list[Receipt]) -> list[Receipt]:
    """Return the receipts of windows that need no further reading. A later reading that was not accepted ends an
    acceptance.
    """
    found, doubts = [], [receipt for receipt in receipts if not receipt.is_covered]
    for receipt in receipts:
        if receipt.is_complete:
            found.append(receipt)
        elif receipt.is_accepted:
            later = [doubt.span for doubt in doubts if doubt.finished_at > receipt.finished_at]
            found += [replace(receipt, span=span) for span in without([receipt.span], later)]
    return found


def _boundaries(receipts: list[Receipt]) -> list[datetime]:
    """Return the bounds of windows that are not covered, so that later readings have the same bounds.

    The end of a window up to the present is left out, because it is later in each run.
    """
    found = last_readings(receipts, lambda receipt: receipt.is_covered)
    return sorted({at for start, end, receipt in found for at in (start, end) if at + DAY <= receipt.finished_at})


def unconfirmed(read: Iterable[Receipt], pages: int) -> list[Span]:
    """Return unconfirmed spans: the oldest readings, up to about this many pages."""
    doubts = last_readings(read, lambda receipt: receipt.is_confirmed or receipt.is_accepted)
    taken: list[Span] = []
    left = pages
    for start, end, receipt in sorted(doubts, key=lambda doubt: (doubt[2].finished_at, doubt[0])):
        if left > 0 or not taken:
            taken.append((start, end))
            left -= receipt.pages
    return taken


def last_readings(
    receipts: Iterable[Receipt], is_settled: Callable[[Receipt], bool]
) -> list[tuple[datetime, datetime, Receipt]]:
    """Return (start, end, receipt) of spans whose last reading settled nothing: disjoint, in order."""
    doubts: list[tuple[datetime, datetime, Receipt]] = []
    for receipt in sorted(receipts, key=lambda receipt: receipt.finished_at):
        start, end = receipt.span
        if start >= end:
            continue
        first = bisect_left(doubts, start, key=lambda doubt: doubt[1])
        last = bisect_left(doubts, end, lo=first, key=lambda doubt: doubt[0])
        rest = [
            (a, b, r)
            for early, late, r in doubts[first:last]
            for a, b in ((early, min(late, start)), (max(early, end), late))
            if a < b
        ]
        doubts[first:last] = sorted(
            [*rest, *([] if is_settled(receipt) else [(start, end, receipt)])], key=lambda doubt: doubt[0]
        )
    return doubts


def _settled_since(resource: Resource, receipts: list[Receipt], ask: Ask, settings: Settings) -> datetime:
    """Plan records settled (billed) since the last run, in every run; once a week, records that can still be
    disputed.
    """
    disputable = midnight(ask.now.date()) - settings.dispute_days * DAY
    covered = [r for r in receipts if r.is_covered and r.finished_at > ask.now - WEEK]
    spans = [r.span for r in covered if resource.settled and r.filter == resource.settled.name]
    # A first load reads all records, settled or not.
    spans += [
        (disputable, midnight(r.finished_at.date()))
        for r in covered
        if r.filter == resource.window.name and r.span[0] <= disputable
    ]
    missing = without([(disputable, midnight(ask.now.date()))], spans)
    return min((a for a, _ in missing), default=midnight(ask.now.date())) - 2 * DAY
