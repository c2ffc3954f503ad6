"""A window: a span of a resource, and the query that asks for it. Pure: no clock, no network, no disk.

A window covers [start, end), in UTC; where a filter takes days, both are midnights. What the service's filters
mean at their ends is not documented, so an edge is asked for with a margin (`Edge`). Where a window was cut in two
and the totals that the service announces for the halves add up to that of the whole, the cut lost and doubled
nothing, and needs none.
Next: plan.py, which says which windows a run needs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum

Span = tuple[datetime, datetime]

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
WEEK, YEAR = 7 * DAY, 366 * DAY
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
        parts = self.parts(2, edge)
        return (parts[0], parts[1]) if parts else None

    def parts(self, count: int, edge: Edge, *, within_months: bool = False) -> list["Window"]:
        """So many neighbours or fewer, with that edge between them; none where the window cannot be cut."""
        at = [self.start + (self.end - self.start) * n / count for n in range(1, count)]
        return self._parted(at, edge, within_months)

    def last_year(self, edge: Edge) -> list["Window"]:
        """What came before the last year, and that year."""
        return self._parted([self.end - YEAR], edge, within_months=False)

    def without_margins(self) -> tuple["Window", list["Window"]]:
        """The window itself, and the margins that its outer edges are asked for with."""
        margin, unit = MARGIN[self.filter], SECOND if self.filter == "updated_at" else DAY
        core, margins = self, []
        if self.before is Edge.OUTER:
            core = replace(core, before=Edge.PROVEN)
            margins.append(replace(self, start=self.start - margin, end=self.start))
        if self.after is Edge.OUTER:
            core = replace(core, after=Edge.PROVEN)
            end = ceiling(self.end, unit)
            margins.append(replace(self, start=end, end=end + margin))
        return core, [replace(each, before=Edge.PROVEN, after=Edge.PROVEN) for each in margins]

    def _margin(self, edge: Edge) -> timedelta:
        return 0 * DAY if edge is Edge.PROVEN else MARGIN[self.filter]

    def _parted(self, at: list[datetime], edge: Edge, within_months: bool) -> list["Window"]:
        cuts = sorted({cut for moment in at if self.start < (cut := self._cut_near(moment, within_months)) < self.end})
        starts, ends = [self.start, *cuts], [*cuts, self.end]
        parts = [replace(self, start=a, end=b, before=edge, after=edge) for a, b in zip(starts, ends, strict=True)]
        parts[0], parts[-1] = replace(parts[0], before=self.before), replace(parts[-1], after=self.after)
        return parts if cuts else []

    def _cut_near(self, moment: datetime, within_months: bool) -> datetime:
        if self.filter == "snapshot":
            return self.start
        if self.filter == "payment_date" and not within_months:  # storage is charged by the month
            cut = first_of_month(moment)
            return cut if cut > self.start else next_month(cut)
        if self.filter == "updated_at":
            return moment.replace(microsecond=0)
        cut = midnight(moment.date())
        return cut if cut > self.start else cut + DAY

    def _write(self, at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M:%SZ" if self.filter == "updated_at" else "%Y-%m-%d")


def snapshot(now: datetime) -> Window:
    """The whole list of items."""
    return Window("items", "snapshot", now, now, Edge.OPEN, Edge.OPEN)


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same time, in spans that do not touch each other."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


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


def day_after(at: datetime) -> datetime:
    return ceiling(at, DAY) + DAY


def ceiling(at: datetime, unit: timedelta) -> datetime:
    """The first whole second, or midnight, at or after a time."""
    over = (at - datetime(1970, 1, 1, tzinfo=UTC)) % unit
    return at if not over else at - over + unit
