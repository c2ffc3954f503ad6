"""Which windows to ask for. Pure: no clock, no network, no disk.

In: what has been read so far (receipts) and the service's time. Out: `Window`s, and the query of each.

A window covers [start, end), in UTC; where a filter takes days, both are midnights. What the service's filters
mean at their ends is not documented, so an edge is asked for with a margin (`Edge`). Where a window was cut in two
and the totals that the service announces for the halves add up to that of the whole, the cut lost and doubled
nothing, and needs none.
Next: extraction.py, which reads windows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from logentic.settings import Settings

Span = tuple[datetime, datetime]

SECOND, MINUTE, DAY, WEEK = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1), timedelta(days=7)
# An orders filter takes a day, of an unknown zone, perhaps without the day itself: two days hold either.
# A charge may lie within, overlap or end in the span that is asked for: a month holds the longest.
MARGIN = {
    "updated_day": 2 * DAY,
    "updated_at": SECOND,
    "date": DAY,
    "payment_date": 32 * DAY,
    "billed_date": DAY,
    "snapshot": timedelta(0),
}
PARAMETERS = {
    "updated_day": ("updated_at_start", "updated_at_end"),
    "updated_at": ("updated_at_start", "updated_at_end"),
    "date": ("start", "end"),
    "payment_date": ("start", "end"),
    "billed_date": ("billed_date_start", "billed_date_end"),
}
# The column by which a row belongs to one of two neighbours.
OWNED_BY = {
    "updated_day": "updated_at",
    "updated_at": "updated_at",
    "date": "date",
    "payment_date": "start",
    "billed_date": "billed_date",
}


class Edge(Enum):
    OPEN = "nothing of the resource lies beyond it: it is not asked for at all"
    OUTER = "asked for with a margin; a row beyond it is welcome"
    SHARED = "asked for with a margin; a row beyond it belongs to the neighbour that is read as well"
    PROVEN = "a cut that lost and doubled nothing: asked for as it is"


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

    def is_ahead(self, now: datetime) -> bool:
        """A service whose clock went wrong for a while said that it had come further than it had."""
        return self.finished_at > now + MINUTE


@dataclass(frozen=True)
class Window:
    resource: str
    filter: str
    start: datetime
    end: datetime
    before: Edge = Edge.OUTER
    after: Edge = Edge.OUTER

    def __str__(self) -> str:
        if self.filter == "snapshot":
            return self.resource
        if self.filter == "updated_at":
            return f"{self.resource} {self.start:%Y-%m-%dT%H:%M:%SZ} to {self.end:%Y-%m-%dT%H:%M:%SZ}"
        return f"{self.resource} {self.start:%Y-%m-%d} to {self.end - SECOND:%Y-%m-%d}"

    def params(self) -> dict[str, str]:
        """The query. The last day or second is meant as included; a margin holds a service that excludes it."""
        if self.filter == "snapshot":
            return {}
        from_name, to_name = PARAMETERS[self.filter]
        unit = SECOND if self.filter == "updated_at" else DAY
        required = self.filter == "date"
        bounds = {}
        if self.before is not Edge.OPEN or required:
            bounds[from_name] = self._write(self.start - self._margin(self.before))
        if self.after is not Edge.OPEN or required:
            # Where the end is not a midnight (the service's now), its day is included.
            bounds[to_name] = self._write(ceiling(self.end, unit) - unit + self._margin(self.after))
        return bounds

    def owned(self) -> tuple[datetime | None, datetime | None]:
        """A row belongs here if its time or day is in [a, b); None: no bound on that side."""
        return (
            self.start if self.before is Edge.SHARED else None,
            self.end if self.after is Edge.SHARED else None,
        )

    def halves(self, edge: Edge) -> tuple["Window", "Window"] | None:
        """Two neighbours, with that edge between them; None where the window cannot be cut."""
        middle = self._middle()
        if middle is None:
            return None
        return replace(self, end=middle, after=edge), replace(self, start=middle, before=edge)

    def _margin(self, edge: Edge) -> timedelta:
        return 0 * DAY if edge is Edge.PROVEN else MARGIN[self.filter]

    def _middle(self) -> datetime | None:
        if self.filter == "snapshot":
            return None
        half = self.start + (self.end - self.start) / 2
        if self.filter == "payment_date":  # storage is charged by the month: only a cut within one parts a charge
            middle = datetime(half.year, half.month, 1, tzinfo=UTC)
            middle = middle if middle > self.start else next_month(middle)
        elif self.filter == "updated_at":
            middle = half.replace(microsecond=0)
        else:
            middle = datetime(half.year, half.month, half.day, tzinfo=UTC)
            middle = middle if middle > self.start else middle + DAY
        return middle if self.start < middle < self.end else None

    def _write(self, at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M:%SZ" if self.filter == "updated_at" else "%Y-%m-%d")


@dataclass(frozen=True)
class Ask:
    """What a run wants: everything new up to `now`, or [start, end) again."""

    now: datetime
    run_id: str
    start: datetime | None = None
    end: datetime | None = None


def plan(
    resource: str, ask: Ask, receipts: list[Receipt], settings: Settings, unbilled_since: date | None
) -> list[Window]:
    """The windows that a resource still needs in this run, oldest first."""
    mine = [receipt for receipt in receipts if receipt.resource == resource]
    if resource == "items":
        done = any(receipt.run_id == ask.run_id and receipt.is_complete for receipt in mine)
        return [] if done else [Window("items", "snapshot", ask.now, ask.now, Edge.OPEN, Edge.OPEN)]
    beginning = midnight(settings.earliest_date)
    windows = []
    for kind, wanted, end in _wanted(resource, ask, mine, settings, unbilled_since):
        this_run = [r.span for r in mine if r.filter == kind and r.run_id == ask.run_id]
        for a, b in without(wanted, this_run):
            before = Edge.OPEN if a <= beginning else Edge.OUTER
            after = Edge.OPEN if b >= end and ask.end is None else Edge.OUTER
            windows.append(Window(resource, kind, a, b, before, after))
    return windows


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
        (r.span[0], min(r.span[1], end, r.finished_at if end == ask.now else ceiling(r.finished_at, DAY) + DAY))
        for r in past
        if r.filter == kind and r.is_complete and r.is_confirmed
    ]
    reached = max((b for _, b in read), default=beginning)
    reread_from = reached - lookback
    if kind == "payment_date":
        open_period = first_of_month(ask.now)
        reread_from = min(reached, open_period, first_of_month(midnight(unbilled_since or tomorrow.date())))
        if past:
            yield "billed_date", [(_billed_since(past, ask, settings), tomorrow)], tomorrow
    if kind == "updated_day":
        reread_from = midnight(reread_from.date())
    yield kind, without([(beginning, end)], [(a, min(b, reread_from)) for a, b in read]), end


def _billed_since(receipts: list[Receipt], ask: Ask, settings: Settings) -> datetime:
    """Every run asks what was billed since the last one; once a week, what can still be disputed."""
    disputable = midnight(ask.now.date()) - settings.dispute_days * DAY
    complete = [r for r in receipts if r.is_complete and r.finished_at > ask.now - WEEK]
    spans = [r.span for r in complete if r.filter == "billed_date"]
    # A first load reads every charge, whenever it was billed.
    spans += [
        (disputable, midnight(r.finished_at.date()))
        for r in complete
        if r.filter == "payment_date" and r.span[0] <= disputable
    ]
    missing = without([(disputable, midnight(ask.now.date()))], spans)
    return min((a for a, _ in missing), default=midnight(ask.now.date())) - 2 * DAY


def without(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """What of the spans no hole covers."""
    left = [span for span in spans if span[0] < span[1]]
    for hole_start, hole_end in holes:
        if hole_start >= hole_end:
            continue
        left = [
            (a, b)
            for start, end in left
            for a, b in ((start, min(end, hole_start)), (max(start, hole_end), end))
            if a < b
        ]
    return sorted(left)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def first_of_month(at: datetime) -> datetime:
    return datetime(at.year, at.month, 1, tzinfo=UTC)


def next_month(at: datetime) -> datetime:
    return first_of_month(first_of_month(at) + 32 * DAY)


def ceiling(at: datetime, unit: timedelta) -> datetime:
    """The first whole second, or midnight, at or after a time."""
    over = (at - datetime(1970, 1, 1, tzinfo=UTC)) % unit
    return at if not over else at - over + unit
