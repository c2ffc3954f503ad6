"""Which windows to ask for. Pure: no clock, no network, no disk."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from logentic.extract.windows import (
    DAY,
    MINUTE,
    WEEK,
    Edge,
    Span,
    Window,
    day_after,
    first_of_month,
    joined,
    midnight,
    snapshot,
    without,
)
from logentic.settings import Settings

# How the reason of a receipt begins whose pages announced different totals.
MOVED = "the announced total moved"
NOT_FOUND = "the service answers 404 for this list"


@dataclass(frozen=True)
class Receipt:
    """What planning needs to know of a window that was read and loaded."""

    resource: str
    filter: str
    span: Span
    finished_at: datetime
    is_complete: bool
    is_confirmed: bool
    run_id: str
    pages: int = 0
    window_id: str = ""
    is_accepted: bool = False
    is_steady: bool = True  # every page announced the same total
    difference: int = 0  # rows announced, less different keys read
    has_news: bool = False

    @property
    def is_covered(self) -> bool:
        """Nothing more can be learned by reading it again."""
        return self.is_complete or self.is_accepted

    def is_ahead(self, now: datetime) -> bool:
        """A service whose clock went wrong for a while said that it had come further than it had."""
        return self.finished_at > now + MINUTE


@dataclass(frozen=True)
class Ask:
    """What a run wants: everything new up to `now`, or [start, end) again."""

    now: datetime
    run_id: str
    start: datetime | None = None
    end: datetime | None = None
    is_selective: bool = False  # who names resources wants them read now


def plan(
    resource: str, ask: Ask, receipts: list[Receipt], settings: Settings, unbilled_since: date | None
) -> list[Window]:
    """The windows that a resource still needs in this run, oldest first."""
    mine = [receipt for receipt in receipts if receipt.resource == resource]
    if resource == "items":
        return [] if any(_holds_today(receipt, ask) for receipt in mine) else [snapshot(ask.now)]
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
            parts = [Window(resource, kind, p, q, Edge.SHARED, Edge.SHARED) for p, q in pairwise(points)]
            parts[0] = replace(parts[0], before=before)
            parts[-1] = replace(parts[-1], after=after)
            windows += parts
    return windows


def _holds_today(receipt: Receipt, ask: Ask) -> bool:
    """A list of items is read once a run, and once a day: that of the day must have been confirmed."""
    if receipt.run_id == ask.run_id:
        return receipt.is_covered
    of_today = receipt.finished_at.date() == ask.now.date() and not receipt.is_ahead(ask.now)
    is_settled = receipt.is_accepted or (receipt.is_complete and receipt.is_confirmed)
    return of_today and is_settled and not ask.is_selective


def _wanted(
    resource: str, ask: Ask, receipts: list[Receipt], settings: Settings, unbilled_since: date | None
) -> Iterable[tuple[str, list[Span], datetime]]:
    """(filter, spans to read, end of the resource) before what this run has already read is taken off."""
    beginning = midnight(settings.earliest_date)
    today = ask.now.astimezone(ZoneInfo(settings.timezone)).date()
    tomorrow = midnight(max(today, ask.now.date())) + DAY
    kind, end, lookback = {
        "orders": ("updated_day", ask.now, settings.order_overlap_days * DAY),
        "item_quantities": ("updated_at", ask.now, timedelta(minutes=settings.quantity_overlap_minutes)),
        "inventory_history": ("date", tomorrow, (settings.history_lookback_days + 1) * DAY),
        "payment_items": ("payment_date", tomorrow, timedelta(0)),
    }[resource]
    if ask.start or ask.end:
        yield kind, [(max(ask.start or beginning, beginning), min(ask.end or end, end))], end
        return
    past = [r for r in receipts if r.run_id != ask.run_id and not r.is_ahead(ask.now)]
    read = [
        # Of what came after it was read, a window proves nothing, whatever its run was told of the time.
        replace(
            r,
            span=(
                max(r.span[0], beginning),
                min(r.span[1], end, r.finished_at if end == ask.now else day_after(r.finished_at)),
            ),
        )
        for r in _still_covered([r for r in past if r.filter == kind])
    ]
    reached = max((r.span[1] for r in read), default=beginning)
    reread_from = reached - lookback
    if kind == "payment_date":
        open_period = first_of_month(ask.now)
        reread_from = min(reached, open_period, first_of_month(midnight(unbilled_since or tomorrow.date())))
        if past:
            yield "billed_date", [(_billed_since(past, ask, settings), tomorrow)], tomorrow
    if kind == "updated_day":
        reread_from = midnight(reread_from.date())
    wanted = without([(beginning, end)], [(r.span[0], min(r.span[1], reread_from)) for r in read])
    yield kind, joined(wanted + unconfirmed(read, settings.confirm_pages)), end


def _still_covered(receipts: list[Receipt]) -> list[Receipt]:
    """The receipts of what needs no further reading. A later reading that was not accepted ends an acceptance."""
    found, doubts = [], [receipt for receipt in receipts if not receipt.is_covered]
    for receipt in receipts:
        if receipt.is_complete:
            found.append(receipt)
        elif receipt.is_accepted:
            later = [doubt.span for doubt in doubts if doubt.finished_at > receipt.finished_at]
            found += [replace(receipt, span=span) for span in without([receipt.span], later)]
    return found


def _boundaries(receipts: list[Receipt]) -> list[datetime]:
    """Where windows that are not covered begin and end: asked for as they were, their readings can be compared.

    What was the present then is no end: a window up to the present ends later each time.
    """
    found = last_readings(receipts, lambda receipt: receipt.is_covered)
    return sorted({at for start, end, receipt in found for at in (start, end) if at + DAY <= receipt.finished_at})


def unconfirmed(read: Iterable[Receipt], pages: int) -> list[Span]:
    """What no reading has confirmed since it was read last: the oldest readings, of about so many pages."""
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
    """(start, end, receipt) of the time whose last reading settled nothing: apart from each other, in order."""
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


def _billed_since(receipts: list[Receipt], ask: Ask, settings: Settings) -> datetime:
    """Every run asks what was billed since the last one; once a week, what can still be disputed."""
    disputable = midnight(ask.now.date()) - settings.dispute_days * DAY
    covered = [r for r in receipts if r.is_covered and r.finished_at > ask.now - WEEK]
    spans = [r.span for r in covered if r.filter == "billed_date"]
    # A first load reads every charge, whenever it was billed.
    spans += [
        (disputable, midnight(r.finished_at.date()))
        for r in covered
        if r.filter == "payment_date" and r.span[0] <= disputable
    ]
    missing = without([(disputable, midnight(ask.now.date()))], spans)
    return min((a for a, _ in missing), default=midnight(ask.now.date())) - 2 * DAY
