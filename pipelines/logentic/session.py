"""What the resources of one extraction share: the service's clock, the plan, the receipts.

In: settings and what is stored. Out, resource by resource: the rows that are news, and receipts of every window.
Next: source.py, which declares these as dlt resources.
"""

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from logentic.client import Client, Traffic
from logentic.errors import BadAnswer, Forbidden, LogenticError, NotFound, Refused
from logentic.extraction import NO_PROGRESS, Extraction, Progress, Reading
from logentic.pages import read_page, read_record
from logentic.personal import Pseudonyms
from logentic.rows import Rows, read_rows
from logentic.schemas import ITEMS, RECEIPTS, RESOURCES, Resource
from logentic.settings import Settings
from logentic.stored import Stored, ids_of, scope_of
from logentic.versions import find_news, in_memory, tombstones
from logentic.windows import MARGIN, Ask, Window, plan

log = logging.getLogger("logentic")


@dataclass
class Run:
    """One run, of one or more extractions: each goes on where the one before was loaded."""

    settings: Settings
    pseudonyms: Pseudonyms
    start: datetime | None = None
    end: datetime | None = None
    select: frozenset[str] = frozenset(RESOURCES)
    progress: Progress = NO_PROGRESS
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    began_at: datetime | None = None  # the service's time
    failures: dict[str, LogenticError] = field(default_factory=dict)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    unread: set[str] = field(default_factory=set)  # resources with windows left for the next extraction
    unbilled: dict[int, date | None] | None = None  # charges stored as not billed that this run has not seen yet

    @property
    def now(self) -> datetime:
        """The service's time when the run began: what comes later is for the next run."""
        if self.began_at is None:
            raise AssertionError("the service was not asked yet")
        return self.began_at

    def begin_part(self) -> None:
        self.unread.clear()


class Session:
    """One extraction of a run: from `open` to the end of its last resource."""

    def __init__(self, run: Run, stored: Stored, go_on: Callable[[], bool]) -> None:
        self.run = run
        self.receipts: list[dict[str, Any]] = []
        self.running: set[str] = set()  # resources that have begun and not ended
        self._stored = stored
        self._client = Client(run.settings, run.traffic)
        self._extraction = Extraction(
            self._client,
            run.pseudonyms,
            connections=run.settings.connections,
            window_pages=run.settings.window_pages,
            progress=run.progress,
            go_on=go_on,
        )
        self._past = stored.receipts()
        if run.began_at is None:
            run.began_at = self._ask_the_time()
            self._warn_of_receipts_ahead()
        self._unbilled_days = stored.unbilled()
        if run.unbilled is None:
            run.unbilled = dict(self._unbilled_days)

    def news(self, resource: Resource) -> Iterator[Rows | None]:
        """What of a resource is new or differs from what is stored, by window; None while there is nothing yet."""
        try:
            if resource.name not in self.run.select or resource.name in self.run.failures:
                return
            for reading in self._extraction.readings(resource, self._plan(resource)):
                yield self._compare(resource, reading) if reading else None
            is_bounded = self.run.start or self.run.end
            if resource.name == "payment_items" and not is_bounded and resource.name not in self._extraction.unread:
                yield from self._ask_for_unbilled(resource)
        except LogenticError as failure:
            self._extraction.failures[resource.name] = failure
        finally:
            self.running.discard(resource.name)
            self.run.failures |= self._extraction.failures

    def stop(self) -> None:
        """Ends what is under way; nothing of it is kept."""
        self._extraction.close()

    def close(self) -> pa.Table:
        """The receipts of this extraction, when its last resource has ended."""
        self._extraction.close()
        self.run.unread |= self._extraction.unread
        self.run.receipts += self.receipts
        return pa.Table.from_pylist(self.receipts, RECEIPTS)

    def _plan(self, resource: Resource) -> list[Window]:
        ask = Ask(self.run.now, self.run.run_id, self.run.start, self.run.end)
        days = [day for _, day in self._unbilled_days if day]
        return plan(resource.name, ask, self._past, self.run.settings, min(days, default=None))

    def _compare(self, resource: Resource, reading: Reading) -> Rows:
        """The news of a reading; its receipt is kept."""
        stored = None
        if self._may_be_stored(reading.window):
            scope = scope_of(reading.window) if reading.is_complete else None
            stored = self._stored.latest(resource, ids_of(reading.rows), scope)
        news = find_news(resource, reading.rows, stored)
        missing = _in_scope(news.missing, reading) if reading.is_complete else news.missing.slice(0, 0)
        agrees = stored is not None and not news.new + news.changed + len(missing)
        confirmed = reading.is_proven or (reading.is_complete and agrees)
        rows, removed = news.rows, 0
        if len(missing) and resource.name == "inventory_history":
            confirmed = confirmed or self._reads_the_same_again(resource, reading)
            if confirmed:
                rows, removed = _with(rows, tombstones(missing, rows.records, reading.finished_at)), len(missing)
        elif len(missing):
            rows, removed = self._ask_by_id(resource, missing, rows)
        self._keep_receipt(reading, news.new, len(rows.records) - news.new - removed, removed, confirmed)
        if resource.name == "payment_items" and self.run.unbilled:
            for seen in (*ids_of(reading.rows), *missing["id"].to_pylist()):
                self.run.unbilled.pop(seen, None)
        return rows

    def _reads_the_same_again(self, resource: Resource, reading: Reading) -> bool:
        """Rows of history have no address of their own: a second reading must miss them as well."""
        again = self._extraction.read_again(resource, reading.window)
        news = find_news(resource, again.rows, reading.rows)
        return again.is_complete and not news.new + news.changed + len(news.missing)

    def _ask_by_id(self, resource: Resource, missing: pa.Table, rows: Rows) -> tuple[Rows, int]:
        """A record that a list no longer gives is gone if the service does not know its id; else it only moved."""
        gone = []
        for place, record_id in enumerate(missing["id"].to_pylist()):
            try:
                page = read_record(self._client, resource.path, record_id, resource.name)
            except NotFound:
                gone.append(place)
            else:
                found = read_rows(resource, [page], self.run.pseudonyms, f"{resource.name}, id {record_id}")
                known = self._stored.latest(resource, [record_id], None)
                rows = _with(rows, find_news(resource, found, known).rows.records)
        if gone:
            rows = _with(rows, tombstones(missing.take(gone), rows.records, self._client.service_time()))
        return rows, len(gone)

    def _ask_for_unbilled(self, resource: Resource) -> Iterator[Rows]:
        """Charges that were not billed when last seen, and that no window of this run showed, are asked for by id."""
        stored = self._stored.latest(resource, sorted(self.run.unbilled or ()), None)
        if stored is None:
            return
        self.run.unbilled = {}
        empty = Rows(stored.records.select(resource.schema().names).cast(resource.schema()).slice(0, 0), None)
        rows, removed = self._ask_by_id(resource, stored.records, empty)
        window = Window(resource.name, "id", self.run.now, self.run.now)
        asked = len(stored.records)
        reading = Reading(window, rows, asked, asked, asked, 0, self.run.now, self.run.now, True, True)
        self._keep_receipt(reading, 0, len(rows.records) - removed, removed, True)
        yield rows

    def _may_be_stored(self, window: Window) -> bool:
        """Whether an earlier window of the resource overlaps this one."""
        margin = 2 * MARGIN[window.filter]
        return any(
            past.resource == window.resource
            and (
                window.resource == "payment_items"
                or (past.span[0] <= window.end + margin and past.span[1] >= window.start - margin)
                or window.filter == "snapshot"
            )
            for past in self._past
        )

    def _ask_the_time(self) -> datetime:
        """The service's clock stands in the Date header of every answer, also of one that refuses."""
        with suppress(Forbidden, NotFound, Refused, BadAnswer):
            read_page(self._client, ITEMS.path, {"per_page": "1"}, "the service's clock")
        return self._client.service_time()

    def _warn_of_receipts_ahead(self) -> None:
        if ahead := [past.finished_at for past in self._past if past.is_ahead(self.run.now)]:
            log.warning(
                "%d windows were read up to %s by a clock of the service that now says %s: they are read again",
                len(ahead),
                f"{max(ahead):%Y-%m-%d %H:%M}",
                f"{self.run.now:%Y-%m-%d %H:%M}",
            )

    def _keep_receipt(self, reading: Reading, new: int, changed: int, removed: int, confirmed: bool) -> None:
        window = reading.window
        self.receipts.append(
            {
                "window_id": f"{self.run.run_id}-{uuid.uuid4().hex[:12]}",
                "run_id": self.run.run_id,
                "resource": window.resource,
                "filter": window.filter,
                "window_start": window.start,
                "window_end": window.end,
                "total_announced": reading.total,
                "rows_read": reading.rows.read,
                "distinct_keys": reading.keys,
                "rows_new": new,
                "rows_changed": changed,
                "rows_removed": removed,
                "requests": reading.requests,
                "bytes": reading.bytes,
                "started_at": reading.started_at,
                "finished_at": reading.finished_at,
                "is_complete": reading.is_complete,
                "is_confirmed": confirmed,
                "reason": reading.reason,
            }
        )


def _in_scope(missing: pa.Table, reading: Reading) -> pa.Table:
    """Stored records that should have been in the window: their latest version still lies in it."""
    scope = scope_of(reading.window)
    if not len(missing) or scope is None:
        return missing.slice(0, 0)
    with in_memory() as memory:
        memory.register("missing", missing)
        return memory.sql(f"select * from missing where {scope}").to_arrow_table()


def _with(rows: Rows, more: pa.Table) -> Rows:
    records = pa.concat_tables([rows.records, more], promote_options="default")
    return replace(rows, records=records)
