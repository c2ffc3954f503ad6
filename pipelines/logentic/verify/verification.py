"""Compare the totals that the account announces with the records in FILE, and name those that differ."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from logentic.api.client import Client
from logentic.errors import LogenticError, Unauthorised
from logentic.extract.reader import WindowReader
from logentic.extract.windows import (
    DAY,
    SECOND,
    Edge,
    Span,
    Window,
    first_of_month,
    joined,
    midnight,
    next_month,
    without,
)
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import RESOURCES, SNAPSHOT, Absence, Resource
from logentic.settings import Settings
from logentic.verify.announced_totals import SHIFTS, AnnouncedTotals
from logentic.verify.stored_counts import Calendar, Key, StoredCounts, days_of

FEW_RECORDS = 250  # as many are read sooner than counted in halves

Seen = dict[Key, tuple[date | None, datetime | None]]


@dataclass(frozen=True)
class Difference:
    """`missing`: ids that the account shows and FILE lacks; `surplus`: ids that only FILE has; all of one day, UTC."""

    day: date | None
    missing: list[int] = field(default_factory=list)
    surplus: list[int] = field(default_factory=list)


@dataclass
class Verdict:
    resource: str
    held: int = 0
    compared_until: datetime | None = None
    differences: list[Difference] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)  # what could not be compared, and why
    failure: str = ""
    requests: int = 0
    read_from: date | None = None  # the first day of a run that mends what has no day


def verify(
    settings: Settings, stored_counts: Callable[[Resource], StoredCounts], start: date | None, end: date | None
) -> list[Verdict]:
    """One resource after another; one that fails does not stop the others."""
    client = Client(settings)
    reader = WindowReader(
        client, Pseudonymizer(None), connections=settings.connections, window_pages=settings.window_pages
    )
    verdicts = []
    try:
        for resource in RESOURCES.values():
            stored = stored_counts(resource)
            before, verdict = client.traffic.requests, Verdict(resource.name, stored.total(), stored.read_until)
            verdicts.append(verdict)
            try:
                _Verification(settings, reader, resource, stored, verdict).run(start, end)
            except Unauthorised:
                raise
            except LogenticError as failure:
                verdict.failure = f"{failure}. {failure.guidance}"
            verdict.differences.sort(key=lambda difference: difference.day or date.min)
            verdict.requests = client.traffic.requests - before
    finally:
        reader.close()
    return verdicts


class _Verification:
    def __init__(
        self, settings: Settings, reader: WindowReader, resource: Resource, stored: StoredCounts, verdict: Verdict
    ) -> None:
        self._settings, self._reader = settings, reader
        self._resource, self._stored, self._verdict = resource, stored, verdict
        self._kind = resource.window
        self._beginning = midnight(settings.earliest_date)
        self._moved: dict[int, datetime] = {}  # updated lately, and when: FILE may still have them where they were
        self._wanted: list[Span] = []  # days that are compared
        self._days: dict[date | None, Difference] = {}
        self._totals = AnnouncedTotals(reader.client, resource, settings.connections)

    def run(self, start: date | None, end: date | None) -> None:
        until = self._stored.read_until
        if until is None:
            self._verdict.unclear.append("never read whole")
        elif self._kind is SNAPSHOT or self._stored.undated():
            self._compare_whole(until)
        else:
            self._compare_windows(until, midnight(start) if start else None, midnight(end) + DAY if end else None)
        self._verdict.differences += self._days.values()

    def _compare_whole(self, until: datetime) -> None:
        """What has no dates, or where the service shows none."""
        window = Window(self._resource.name, self._kind.name, self._beginning, until, Edge.OPEN, Edge.OPEN)
        if self._totals.of(window) != self._stored.total():
            if (
                self._resource.absence is Absence.LOOKED_UP_LAST
            ):  # a record without a date is missed by the whole list alone
                self._verdict.read_from = self._settings.earliest_date
            self._compare_rows(window, self._stored.keys(None), until)

    def _compare_windows(self, until: datetime, start: datetime | None, end: datetime | None) -> None:
        last = self._last_whole_day(until)
        if self._kind.is_one_way:
            # A record that was updated since has left the window in which FILE has it.
            lately = Window(self._resource.name, self._kind.name, last, until + DAY, Edge.SHARED, Edge.OPEN)
            rows = self._read(lately)
            self._moved = {key[0]: at for key, (_, at) in rows.items() if at}
            if end is None or end > last:
                lately = replace(lately, end=self._reader.client.service_time() + DAY)
                self._wanted.append((lately.start, lately.end))
                self._name(rows, self._stored.keys(lately), until)
        pieces, wanted = self._pieces(until, start, end)
        totals = self._totals.add_up(pieces)
        if totals is None:
            for piece in wanted:
                self._compare_days(piece, until)
            return
        by_day = self._calendar(pieces, totals)
        for piece, total in zip(pieces, totals, strict=True):
            if piece in wanted:
                self._examine(piece, total, by_day, until)

    def _last_whole_day(self, until: datetime) -> datetime:
        """The midnight before which FILE has seen days end, in UTC and at the warehouse; charges may lie ahead."""
        if self._kind.is_monthly:
            return next_month(next_month(until))
        return midnight(min(until.date(), until.astimezone(ZoneInfo(self._settings.timezone)).date()))

    def _pieces(
        self, until: datetime, start: datetime | None, end: datetime | None
    ) -> tuple[list[Window], list[Window]]:
        """Months that together hold all up to the last whole day, and those of them that are to be compared."""
        last = self._last_whole_day(until)
        everything = (self._beginning, last)
        read = [(a, last if b >= until else b) for a, b in self._stored.spans]
        unread = [(self._down(a), self._up(b)) for a, b in without([everything], read)]
        asked = (self._down(start or self._beginning), min(self._up(end or last), last))
        wanted = without([asked], unread)
        self._wanted += wanted
        accepted = [(max(a, asked[0]), min(b, asked[1])) for a, b in self._stored.accepted]
        for a, b in joined(accepted):
            days = f"{a:%Y-%m-%d} to {b - SECOND:%Y-%m-%d}"
            self._verdict.unclear.append(f"{days}: the announced total never equals the rows that are shown")
        if not wanted and not accepted:
            self._verdict.unclear.append("no day of this span was read whole")
        cuts = {at for span in wanted for at in span}
        month = first_of_month(midnight(self._stored.first_day() or last.date()))
        while month < last:
            cuts.add(month)
            month = next_month(month)
        points = sorted({self._beginning, last} | {at for at in cuts if self._beginning < at < last})
        pieces = [
            Window(self._resource.name, self._kind.name, a, b, Edge.EXACT, Edge.EXACT) for a, b in pairwise(points)
        ]
        pieces[0] = replace(pieces[0], before=Edge.OPEN)
        if self._kind.is_monthly:
            pieces[-1] = replace(pieces[-1], after=Edge.OPEN)
        return pieces, [piece for piece in pieces if any(a < piece.end and piece.start < b for a, b in wanted)]

    def _down(self, at: datetime) -> datetime:
        """Charges are compared by whole months: one of storage has no other day."""
        return first_of_month(at) if self._kind.is_monthly else midnight(at.date())

    def _up(self, at: datetime) -> datetime:
        down = self._down(at)
        if down == at:
            return at
        return next_month(at) if self._kind.is_monthly else down + DAY

    def _calendar(self, pieces: list[Window], totals: list[int]) -> dict[date, int]:
        """Records of each day as the service tells days apart: the one of its possible calendars that agrees most."""

        def agreeing(by_day: dict[date, int]) -> int:
            return sum(days_of(piece, by_day) == total for piece, total in zip(pieces, totals, strict=True))

        zones = {"UTC": None, self._settings.timezone: None} if self._resource.has_local_days else {"UTC": None}
        starts = (False,) if self._totals.shift == SHIFTS[0] else (False, True)
        calendars = (Calendar(zone, excluded) for zone in zones for excluded in starts)
        return max((self._stored.by_day(calendar, self._moved) for calendar in calendars), key=agreeing)

    def _examine(self, window: Window, total: int, by_day: dict[date, int], until: datetime) -> None:
        """Halves of a window that differs, down to those that are short or a day long; these are read."""
        if total == days_of(window, by_day):
            return
        halves = window.halves(Edge.EXACT) if total > FEW_RECORDS and window.end - window.start > DAY else None
        if halves:
            middle = max(midnight(halves[0].end.date()), window.start + DAY)
            halves = replace(halves[0], end=middle), replace(halves[1], start=middle)
            totals = self._totals.of_all(halves)
            if sum(totals) == total:
                for half, part in zip(halves, totals, strict=True):
                    self._examine(half, part, by_day, until)
                return
        self._compare_days(window, until)

    def _compare_days(self, window: Window, until: datetime) -> None:
        """And the days beside them: what the service counts to a day may bear the date of its neighbour."""
        wider = replace(window, start=window.start - DAY, end=window.end + DAY)
        self._compare_rows(wider, self._stored.keys(wider), until)

    def _compare_rows(self, window: Window, held: dict[Key, date | None], until: datetime) -> None:
        before = Edge.OPEN if window.before is Edge.OPEN else Edge.SHARED
        after = Edge.OPEN if window.after is Edge.OPEN else Edge.SHARED
        self._name(self._read(replace(window, before=before, after=after)), held, until)

    def _name(self, rows: Seen, held: dict[Key, date | None], until: datetime) -> None:
        """What stands on one side only; what is newer than FILE is for the next run."""
        missing = {key: day for key, (day, at) in rows.items() if key not in held and not (at and at >= until)}
        surplus = {key: day for key, day in held.items() if key not in rows and key[0] not in self._moved}
        for side, keys in (("missing", missing), ("surplus", surplus)):
            for key in sorted(keys, key=lambda key: key[0]):
                day = keys[key]
                if day is None or any(a <= midnight(day) < b for a, b in self._wanted):
                    ids = getattr(self._days.setdefault(day, Difference(day)), side)
                    if key[0] not in ids:
                        ids.append(key[0])

    def _read(self, window: Window) -> Seen:
        """The keys of the rows of a window, each with its day and the moment since which it has stood there."""
        found: Seen = {}
        for reading in self._reader.readings(self._resource, [window]):
            if reading is None:
                continue
            if not reading.is_complete:
                self._verdict.unclear.append(f"{reading.window}: {reading.reason}")
            records = reading.rows.records
            days = _column(records, self._kind.column)
            updated, created = _column(records, "updated_at"), _column(records, "created_at")
            keys = zip(*(_column(records, name) for name in self._resource.counted_by), strict=True)
            for key, day, late, early in zip(keys, days, updated, created, strict=True):
                at = late or early if self._kind.is_one_way else early
                found[key] = (day.date() if isinstance(day, datetime) else day, at)
        if failure := self._reader.failures.pop(self._resource.name, None):
            raise failure
        return found


def _column(records: pa.Table, name: str | None) -> list[Any]:
    return list(records[name].to_pylist()) if name in records.column_names else [None] * len(records)
