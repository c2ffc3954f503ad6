"""Define windows and receipts: a window is a span of a resource with its query, a receipt the record of one window
read.

A window covers [start, end), in UTC; if a filter takes days, both are midnights. Whether the service's filters include
their bounds is not documented, so an edge is queried with an overlap (`Edge`). If a window was split in two and the
announced totals of the halves add up to that of the whole, the split lost and duplicated nothing, and needs no overlap.
Pure: no clock, no network, no disk.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum

from logentic.resources import ONE_DAY, ONE_SECOND, RESOURCES, SNAPSHOT, WindowKind

Span = tuple[datetime, datetime]

SECOND, MINUTE, DAY = ONE_SECOND, timedelta(minutes=1), ONE_DAY
WEEK, YEAR = 7 * DAY, 366 * DAY
# Prefix of the reason in receipts whose pages announced different totals.
MOVED = "the announced total moved"
NOT_FOUND = "the service answers 404 for this list"


class Edge(Enum):
    OPEN = "nothing of the resource lies beyond it: it is not asked for at all"
    OUTER = "asked for with an overlap; a row beyond it is welcome"
    SHARED = "asked for with an overlap; a row beyond it belongs to the neighbour that is read as well"
    EXACT = "a split that lost and doubled nothing: asked for as it is"


@dataclass(frozen=True)
class Window:
    resource: str
    filter: str
    start: datetime
    end: datetime
    before: Edge = Edge.OUTER
    after: Edge = Edge.OUTER

    @property
    def kind(self) -> WindowKind:
        return RESOURCES[self.resource].window_kind(self.filter)

    def __str__(self) -> str:
        if self.kind is SNAPSHOT:
            return self.resource
        if self.kind.is_exact:
            return f"{self.resource} {self.start:%Y-%m-%dT%H:%M:%SZ} to {self.end:%Y-%m-%dT%H:%M:%SZ}"
        return f"{self.resource} {self.start:%Y-%m-%d} to {self.end - SECOND:%Y-%m-%d}"

    def params(self) -> dict[str, str]:
        """Return the query. It assumes an inclusive last day or second; an overlap covers a service that excludes
        it.
        """
        kind = self.kind
        bounds = {}
        if kind.start and (self.before is not Edge.OPEN or kind.is_required):
            bounds[kind.start] = self._write(self.start - self._overlap(self.before))
        if kind.end and (self.after is not Edge.OPEN or kind.is_required):
            # If the end is not a midnight (the service's now), include its day.
            bounds[kind.end] = self._write(ceiling(self.end, kind.unit) - kind.unit + self._overlap(self.after))
        return bounds

    def owned(self) -> tuple[datetime | None, datetime | None]:
        """Return the bounds [a, b) of rows that belong to the window; None: no bound on that side."""
        return (
            self.start if self.before is Edge.SHARED else None,
            self.end if self.after is Edge.SHARED else None,
        )

    def halves(self, edge: Edge) -> tuple["Window", "Window"] | None:
        """Return two neighbours, with that edge between them; None if the window cannot be split."""
        parts = self.parts(2, edge)
        return (parts[0], parts[1]) if parts else None

    def parts(self, count: int, edge: Edge, *, within_months: bool = False) -> list["Window"]:
        """Return up to this many neighbours, with that edge between them; none if the window cannot be split."""
        at = [self.start + (self.end - self.start) * n / count for n in range(1, count)]
        return self._split_at(at, edge, within_months)

    def last_year(self, edge: Edge) -> list["Window"]:
        """Return the time before the last year, and that year."""
        return self._split_at([self.end - YEAR], edge, within_months=False)

    def without_overlaps(self) -> tuple["Window", list["Window"]]:
        """Return the window, and the overlaps of its outer edges."""
        overlap, core, overlaps = self.kind.overlap, self, []
        if self.before is Edge.OUTER:
            core = replace(core, before=Edge.EXACT)
            overlaps.append(replace(self, start=self.start - overlap, end=self.start))
        if self.after is Edge.OUTER:
            core = replace(core, after=Edge.EXACT)
            end = ceiling(self.end, self.kind.unit)
            overlaps.append(replace(self, start=end, end=end + overlap))
        return core, [replace(each, before=Edge.EXACT, after=Edge.EXACT) for each in overlaps]

    def _overlap(self, edge: Edge) -> timedelta:
        return 0 * DAY if edge is Edge.EXACT else self.kind.overlap

    def _split_at(self, at: list[datetime], edge: Edge, within_months: bool) -> list["Window"]:
        near = (self._split_point_near(moment, within_months) for moment in at)
        points = sorted({point for point in near if self.start < point < self.end})
        starts, ends = [self.start, *points], [*points, self.end]
        parts = [replace(self, start=a, end=b, before=edge, after=edge) for a, b in zip(starts, ends, strict=True)]
        parts[0], parts[-1] = replace(parts[0], before=self.before), replace(parts[-1], after=self.after)
        return parts if points else []

    def _split_point_near(self, moment: datetime, within_months: bool) -> datetime:
        kind = self.kind
        if kind is SNAPSHOT:
            return self.start
        if kind.is_monthly and not within_months:
            month = first_of_month(moment)
            return month if month > self.start else next_month(month)
        if kind.is_exact:
            return moment.replace(microsecond=0)
        day = midnight(moment.date())
        return day if day > self.start else day + DAY

    def _write(self, at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M:%SZ" if self.kind.is_exact else "%Y-%m-%d")


@dataclass(frozen=True)
class Receipt:
    """The part of a receipt that planning needs."""

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
    is_steady: bool = True  # all pages announced the same total
    difference: int = 0  # announced rows less distinct keys
    has_changes: bool = False

    @property
    def is_covered(self) -> bool:
        """Whether reading the window again can show nothing new."""
        return self.is_complete or self.is_accepted

    def is_ahead(self, now: datetime) -> bool:
        """Return whether the receipt is from a time when the service's clock was ahead."""
        return self.finished_at > now + MINUTE


def snapshot(resource: str, now: datetime) -> Window:
    """Return the window of a whole list."""
    return Window(resource, SNAPSHOT.name, now, now, Edge.OPEN, Edge.OPEN)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Merge spans that touch or overlap."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def without(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """Subtract holes from spans."""
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


def day_after(at: datetime) -> datetime:
    return ceiling(at, DAY) + DAY


def ceiling(at: datetime, unit: timedelta) -> datetime:
    """Return the first whole second, or midnight, at or after a time."""
    over = (at - datetime(1970, 1, 1, tzinfo=UTC)) % unit
    return at if not over else at - over + unit
