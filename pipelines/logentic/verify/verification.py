"""Compare the totals that the account announces with the records in FILE, and list the differences."""

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
from logentic.verify.stored_counts import Calendar, Key, StoredCounts, count_days

RECORDS_TO_READ_AT_ONCE = 250  # reading this many is faster than counting halves

Seen = dict[Key, tuple[date | None, datetime | None]]


@dataclass(frozen=True)
class Difference:
    """Records of one day (UTC): ids that FILE lacks (`missing`), and ids that only FILE has (`surplus`)."""

    day: date | None
    missing: list[int] = field(default_factory=list)
    surplus: list[int] = field(default_factory=list)


@dataclass
class VerificationResult:
    resource: str
    held: int = 0
    compared_until: datetime | None = None
    differences: list[Difference] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)  # comparisons that were not possible, with the reason
    failure: str = ""
    requests: int = 0
    read_from: date | None = None  # the first day of a run that repairs records without a day


def verify(
    settings: Settings, stored_counts: Callable[[Resource], StoredCounts], start: date | None, end: date | None
) -> list[VerificationResult]:
    """Compare each resource; a failure of one does not stop the others."""
    client = Client(settings)
    reader = WindowReader(
        client, Pseudonymizer(None), connections=settings.connections, window_pages=settings.window_pages
    )
    results = []
    try:
        for resource in RESOURCES.values():
            stored = stored_counts(resource)
            before, result = (
                client.traffic.requests,
                VerificationResult(resource.name, stored.count_all(), stored.read_until),
            )
            results.append(result)
            try:
                _Verification(settings, reader, resource, stored, result).run(start, end)
            except Unauthorised:
                raise
            except LogenticError as failure:
                result.failure = f"{failure}. {failure.guidance}"
            result.differences.sort(key=lambda difference: difference.day or date.min)
            result.requests = client.traffic.requests - before
    finally:
        reader.close()
    return results


class _Verification:
    def __init__(
        self,
        settings: Settings,
        reader: WindowReader,
        resource: Resource,
        stored: StoredCounts,
        result: VerificationResult,
    ) -> None:
        self._settings, self._reader = settings, reader
        self._resource, self._stored, self._result = resource, stored, result
        self._kind = resource.window
        self._beginning = midnight(settings.earliest_date)
        self._moved: dict[int, datetime] = {}  # ids updated since, with the time: FILE may have them in another window
        self._compared: list[Span] = []  # spans that are compared
        self._days: dict[date | None, Difference] = {}
        self._totals = AnnouncedTotals(reader.client, resource, settings.connections)

    def run(self, start: date | None, end: date | None) -> None:
        until = self._stored.read_until
        if until is None:
            self._result.unclear.append("never read completely")
        elif self._kind is SNAPSHOT or self._stored.count_undated():
            self._compare_all(until)
        else:
            self._compare_windows(until, midnight(start) if start else None, midnight(end) + DAY if end else None)
        self._result.differences += self._days.values()

    def _compare_all(self, until: datetime) -> None:
        """Compare the whole list, if the resource or the service has no dates."""
        window = Window(self._resource.name, self._kind.name, self._beginning, until, Edge.OPEN, Edge.OPEN)
        if self._totals.read_total(window) != self._stored.count_all():
            if (
                self._resource.absence is Absence.LOOKED_UP_LAST
            ):  # only a full reading notices that a record without a date is missing
                self._result.read_from = self._settings.earliest_date
            self._compare_rows(window, self._stored.keys(None), until)

    def _compare_windows(self, until: datetime, start: datetime | None, end: datetime | None) -> None:
        last = self._last_complete_day(until)
        if self._kind.is_one_way:
            # A record that was updated since has left the window in which FILE has it.
            lately = Window(self._resource.name, self._kind.name, last, until + DAY, Edge.SHARED, Edge.OPEN)
            rows = self._read(lately)
            self._moved = {key[0]: at for key, (_, at) in rows.items() if at}
            if end is None or end > last:
                lately = replace(lately, end=self._reader.client.service_time() + DAY)
                self._compared.append((lately.start, lately.end))
                self._add_differences(rows, self._stored.keys(lately), until)
        windows, wanted = self._plan_windows(until, start, end)
        totals = self._totals.read_matching_totals(windows)
        if totals is None:
            for window in wanted:
                self._compare_days(window, until)
            return
        by_day = self._choose_calendar(windows, totals)
        for window, total in zip(windows, totals, strict=True):
            if window in wanted:
                self._compare_count(window, total, by_day, until)

    def _last_complete_day(self, until: datetime) -> datetime:
        """Return the midnight up to which FILE covers whole days, in UTC and at the warehouse; charges may be dated
        later.
        """
        if self._kind.is_monthly:
            return next_month(next_month(until))
        return midnight(min(until.date(), until.astimezone(ZoneInfo(self._settings.timezone)).date()))

    def _plan_windows(
        self, until: datetime, start: datetime | None, end: datetime | None
    ) -> tuple[list[Window], list[Window]]:
        """Return months that cover everything up to the last complete day, and those of them to compare."""
        last = self._last_complete_day(until)
        everything = (self._beginning, last)
        read = [(a, last if b >= until else b) for a, b in self._stored.spans]
        unread = [(self._floor(a), self._ceiling(b)) for a, b in without([everything], read)]
        asked = (self._floor(start or self._beginning), min(self._ceiling(end or last), last))
        wanted = without([asked], unread)
        self._compared += wanted
        accepted = [(max(a, asked[0]), min(b, asked[1])) for a, b in self._stored.accepted]
        for a, b in joined(accepted):
            days = f"{a:%Y-%m-%d} to {b - SECOND:%Y-%m-%d}"
            self._result.unclear.append(f"{days}: the announced total never equals the rows that are shown")
        if not wanted and not accepted:
            self._result.unclear.append("no day of this span was read completely")
        bounds = {at for span in wanted for at in span}
        month = first_of_month(midnight(self._stored.first_day() or last.date()))
        while month < last:
            bounds.add(month)
            month = next_month(month)
        points = sorted({self._beginning, last} | {at for at in bounds if self._beginning < at < last})
        windows = [
            Window(self._resource.name, self._kind.name, a, b, Edge.EXACT, Edge.EXACT) for a, b in pairwise(points)
        ]
        windows[0] = replace(windows[0], before=Edge.OPEN)
        if self._kind.is_monthly:
            windows[-1] = replace(windows[-1], after=Edge.OPEN)
        return windows, [window for window in windows if any(a < window.end and window.start < b for a, b in wanted)]

    def _floor(self, at: datetime) -> datetime:
        """Return the start of the day; of the month for charges, because a storage charge has no other day."""
        return first_of_month(at) if self._kind.is_monthly else midnight(at.date())

    def _ceiling(self, at: datetime) -> datetime:
        down = self._floor(at)
        if down == at:
            return at
        return next_month(at) if self._kind.is_monthly else down + DAY

    def _choose_calendar(self, windows: list[Window], totals: list[int]) -> dict[date, int]:
        """Return records per day by the calendar, of those possible, that agrees with most totals."""

        def count_matches(by_day: dict[date, int]) -> int:
            return sum(count_days(window, by_day) == total for window, total in zip(windows, totals, strict=True))

        zones = {"UTC": None, self._settings.timezone: None} if self._resource.has_local_days else {"UTC": None}
        starts = (False,) if self._totals.shift == SHIFTS[0] else (False, True)
        calendars = (Calendar(zone, excluded) for zone in zones for excluded in starts)
        return max((self._stored.count_by_day(calendar, self._moved) for calendar in calendars), key=count_matches)

    def _compare_count(self, window: Window, total: int, by_day: dict[date, int], until: datetime) -> None:
        """Split a window whose count differs, down to windows that are small or a day long; read these."""
        if total == count_days(window, by_day):
            return
        halves = (
            window.halves(Edge.EXACT) if total > RECORDS_TO_READ_AT_ONCE and window.end - window.start > DAY else None
        )
        if halves:
            middle = max(midnight(halves[0].end.date()), window.start + DAY)
            halves = replace(halves[0], end=middle), replace(halves[1], start=middle)
            totals = self._totals.read_totals(halves)
            if sum(totals) == total:
                for half, part in zip(halves, totals, strict=True):
                    self._compare_count(half, part, by_day, until)
                return
        self._compare_days(window, until)

    def _compare_days(self, window: Window, until: datetime) -> None:
        """Compare rows, including the adjacent days: the service may count a row on the day beside its date."""
        wider = replace(window, start=window.start - DAY, end=window.end + DAY)
        self._compare_rows(wider, self._stored.keys(wider), until)

    def _compare_rows(self, window: Window, held: dict[Key, date | None], until: datetime) -> None:
        before = Edge.OPEN if window.before is Edge.OPEN else Edge.SHARED
        after = Edge.OPEN if window.after is Edge.OPEN else Edge.SHARED
        self._add_differences(self._read(replace(window, before=before, after=after)), held, until)

    def _add_differences(self, rows: Seen, held: dict[Key, date | None], until: datetime) -> None:
        """Record keys that only one side has; rows newer than FILE are left to the next run."""
        missing = {key: day for key, (day, at) in rows.items() if key not in held and not (at and at >= until)}
        surplus = {key: day for key, day in held.items() if key not in rows and key[0] not in self._moved}
        for side, keys in (("missing", missing), ("surplus", surplus)):
            for key in sorted(keys, key=lambda key: key[0]):
                day = keys[key]
                if day is None or any(a <= midnight(day) < b for a, b in self._compared):
                    ids = getattr(self._days.setdefault(day, Difference(day)), side)
                    if key[0] not in ids:
                        ids.append(key[0])

    def _read(self, window: Window) -> Seen:
        """Return the keys of a window's rows, each with its day and the moment since which the row exists."""
        found: Seen = {}
        for reading in self._reader.readings(self._resource, [window]):
            if reading is None:
                continue
            if not reading.is_complete:
                self._result.unclear.append(f"{reading.window}: {reading.reason}")
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
