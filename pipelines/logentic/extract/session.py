"""State shared by the resources of one extraction: the service's clock, the plan, the receipts."""

import logging
import uuid
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from logentic.api.client import Client
from logentic.api.pagination import read_page, read_pages, read_record
from logentic.errors import (
    DamagedRaw,
    DeadlineReached,
    Forbidden,
    InvalidResponse,
    LogenticError,
    NotFound,
    Refused,
    Unreachable,
    UnsafeLink,
)
from logentic.events.resolver import EventOrders
from logentic.extra_columns import ExtraColumns
from logentic.extract.acceptance import has_differed, is_third_equal, was_accepted
from logentic.extract.diff import BOOKKEEPING, WindowDiff, allow_memory, find_changes, tombstones
from logentic.extract.parsing import ParseRules, Rows, concatenated, empty_rows, read_rows
from logentic.extract.planner import Ask, plan
from logentic.extract.reader import Reading, WindowReader
from logentic.extract.rejections import Rejections
from logentic.extract.run import RunRequest, RunState
from logentic.extract.spill_buffer import SpillBuffer
from logentic.extract.stored_records import Stored, ids_of, receipt_of
from logentic.extract.windows import MINUTE, Edge, Receipt, Span, Window, joined, snapshot, without
from logentic.monitoring.memory import release_memory
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import (
    INTEGER,
    IS_REMOVED,
    ITEM_COLUMNS,
    ITEMS,
    MOMENT,
    ORDERS,
    RESOURCES,
    SNAPSHOT,
    TEXT,
    Absence,
    Resource,
)

log = logging.getLogger("logentic")
Row = dict[str, Any]  # a row of a raw table
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Batch:
    """New and changed rows; the receipts count once these rows and all earlier ones of the resource are stored."""

    rows: Rows
    receipts: tuple[Row, ...] = ()


class Session:
    """One extraction of a run: `open` it, take the `batches` of each resource, `close` it, ask for its `outcome`."""

    def __init__(
        self,
        client: Client,
        request: RunRequest,
        stored: Stored,
        run: RunState,
        *,
        now: datetime,
        rules: ParseRules,
        past: list[Receipt],
        deferred: list[Row],
        unsettled: dict[str, dict[int, date | None]],
        rejections: Rejections,
        events: EventOrders,
        named_orders: Collection[int],
        resources: Collection[str],
        go_on: Callable[[], bool],
        is_load_due: bool,
    ) -> None:
        self.now = now  # the service's time at the start of the run; later changes are left to the next run
        self.deferred = deferred  # receipts of runs without changes, not loaded yet
        self.rejections, self.events = rejections, events
        self._client, self._request, self._stored, self._rules = client, request, stored, rules
        self._run, self._past, self._named_orders = run, past, named_orders
        self._reader = WindowReader(
            client,
            request.pseudonyms,
            connections=request.settings.connections,
            window_pages=request.settings.window_pages,
            folder=request.folder,
            progress=request.progress,
            go_on=go_on,
            parsing=rules,
        )
        self._lookup = RecordLookup(client, stored, request.pseudonyms, rejections, rules)
        self._running = {*resources}  # resources that have not ended
        self._is_load_due = is_load_due  # also if no row has changed
        self._begun: dict[str, tuple[Batch, Iterator[Batch | None]]] | None = None
        self._done: list[Receipt] = []  # receipts of this extraction
        self._waiting: list[Row] = []  # receipts of windows that lack a stored order, until it is looked up
        self._newly_accepted: dict[str, list[Reading]] = {}
        self._covered: dict[str, list[Span]] = {}  # spans that may have stored rows
        self._has_loose_rows: dict[str, bool] = {}  # by resource
        self._first_unsettled = {
            name: min(filter(None, days.values()), default=None) for name, days in unsettled.items()
        }
        self._unsettled = {
            name: {*ids} for name, ids in (unsettled if run.unsettled is None else run.unsettled).items()
        }
        self._orders_asked, self._orders_read = {*run.orders_asked}, [*run.orders_read]
        self._order_windows, self._orders_missing = [*run.order_windows], set[int]()
        self._records_ahead = {name: {*ids} for name, ids in run.records_ahead.items()}
        self._items_seen: set[int] = set()  # item ids in changed rows
        self._watches_items = not self._plan(ITEMS)  # otherwise items are read in any case
        self._an_item_vanished = False

    @classmethod
    def open(
        cls,
        client: Client,
        request: RunRequest,
        stored: Stored,
        run: RunState,
        *,
        deferred: Iterable[Row] = (),
        named_orders: Collection[int] = (),
        resources: Collection[str] = RESOURCES,
        go_on: Callable[[], bool] = lambda: True,
    ) -> "Session":
        """Read the stored state and, at the start of a run, the service's time.

        `deferred`: receipts that are not loaded yet; `named_orders`: ids that charges name, and that are not stored;
        `resources`: those whose batches will be taken; `go_on`: False leaves the rest to the next extraction.
        """
        settings = request.settings
        allow_memory(settings.load_memory)
        rules = ParseRules(ZoneInfo(settings.timezone), ExtraColumns(stored.extra_columns()), stored.holds_nul)
        rejections = Rejections(stored.open_rejections())
        past = stored.receipts()
        known = {receipt.window_id for receipt in past}
        deferred = [row for row in deferred if row["window_id"] not in known]
        past += map(receipt_of, deferred)
        now = run.now or _ask_the_time(client)
        if run.now is None:
            _warn_of_receipts_ahead(past, now)
        loaded_until = stored.latest_load_finished_at()
        since = min((event.received_at for event in request.events), default=None)
        known_events = stored.events(since, also_dead=bool(request.events_retried))
        return cls(
            client,
            request,
            stored,
            run,
            now=now,
            rules=rules,
            past=past,
            deferred=deferred,
            unsettled={name: stored.unsettled(each) for name, each in RESOURCES.items() if each.settled},
            rejections=rejections,
            events=EventOrders(request.events, known_events, request.events_retried, settings.webhook_attempts),
            named_orders=named_orders,
            resources=resources,
            go_on=go_on,
            # Models take the time from the latest load.
            is_load_due=loaded_until is not None and loaded_until > now + MINUTE,
        )

    @property
    def failures(self) -> dict[str, LogenticError]:
        """The failures of this run, by resource."""
        return {**self._run.failures, **self._reader.failures}

    def reads(self, name: str) -> bool:
        """Return whether a resource is read in this run and has not failed."""
        return name in self._request.select - self.failures.keys()

    def outcome(self) -> RunState:
        """Return the state of the run after this extraction is loaded."""
        return RunState(
            now=self.now,
            failures=self.failures,
            unread=frozenset(self._reader.unread),
            orders_asked=frozenset(self._orders_asked),
            orders_read=tuple(self._orders_read),
            order_windows=tuple(self._order_windows),
            records_ahead={name: frozenset(ids) for name, ids in self._records_ahead.items()},
            unsettled={name: frozenset(ids) for name, ids in self._unsettled.items()},
        )

    def read_until_change(self) -> bool:
        """Read until the first change, which `batches` then returns first; return False if everything is read without
        one.
        """
        streams = {name: self._read(resource) for name, resource in RESOURCES.items()}
        first = {name: Batch(empty_rows(resource)) for name, resource in RESOURCES.items()}
        is_found = False
        while streams and not is_found and not self.rejections.have_rows:
            for name in list(streams):
                try:
                    batch = next(streams[name])
                except StopIteration:
                    del streams[name]
                else:
                    if batch:
                        first[name] = replace(batch, receipts=(*first[name].receipts, *batch.receipts))
                        is_found = is_found or len(batch.rows.records) > 0
        self._begun = {name: (batch, streams.get(name, iter(()))) for name, batch in first.items()}
        return is_found or self.events.has_rows or self.rejections.have_rows or self._is_load_due

    def batches(self, resource: Resource) -> Generator[Batch | None, None, None]:
        """Yield the changes of a resource, window by window; None while there are none yet."""
        try:
            if self._begun is None:
                yield from self._read(resource)
            elif begun := self._begun.pop(resource.name, None):
                first, rest = begun
                yield first
                yield from rest
        finally:
            self.end(resource.name)

    def end(self, name: str) -> None:
        """Record that a resource is not read further, so that no other one waits for it."""
        self._running.discard(name)

    def close(self) -> None:
        """Cancel requests in flight, close the database and release memory."""
        self._reader.close()
        self._stored.close()
        release_memory()

    def _read(self, resource: Resource) -> Iterator[Batch | None]:
        try:
            if not self.reads(resource.name):
                return
            windows = self._plan(resource)
            if resource.is_catalogue and not windows:
                yield None  # let other resources begin
                while self._running - {resource.name}:
                    yield None
                windows = self._plan_again(resource)
            for reading in self._reader.readings(resource, windows, self._has_differed):
                if reading:
                    yield from self._compare(resource, reading)
                else:
                    yield None
            yield from self._ask_by_id(resource)
            self._end_rejections_of_dropped_rows(resource)
        except DeadlineReached:
            self._reader.unread.add(resource.name)
        except DamagedRaw:
            raise
        except LogenticError as failure:
            self._reader.failures[resource.name] = failure
        finally:
            self._warn_of_accepted(resource)
            self.end(resource.name)

    def _ask_by_id(self, resource: Resource) -> Iterator[Batch]:
        """Look up records that no window of this run showed and that may have changed."""
        is_bounded = self._request.start or self._request.end
        if resource.absence is Absence.LOOKED_UP_LAST:
            # After a failure, drop the receipts of windows that lack an order, so that the next run looks for it again.
            yield from self._look_up_missing_orders()
            yield Batch(empty_rows(resource), tuple(self._waiting))
        if resource.name in self._reader.unread:
            return
        if resource.settled and not is_bounded:
            yield from self._ask_for_unsettled(resource)
        if resource.has_records_ahead and not is_bounded:
            yield from self._ask_for_records_ahead(resource)
        if resource.is_named_elsewhere:
            yield from self._ask_for_named(resource)

    def _plan(self, resource: Resource) -> list[Window]:
        request = self._request
        ask = Ask(self.now, request.run_id, request.start, request.end, request.is_selective)
        return plan(resource.name, ask, self._past, request.settings, self._first_unsettled.get(resource.name))

    def _plan_again(self, catalogue: Resource) -> list[Window]:
        """Return a window of items, normally read once a day, if an unknown item was named or one vanished from
        history.
        """
        is_due = self._an_item_vanished or self._stored.unknown_items(self._items_seen)
        return [snapshot(catalogue.name, self.now)] if is_due else []

    def _compare(self, resource: Resource, reading: Reading) -> Iterator[Batch]:
        """Yield the changes of a reading; its receipt comes with the last of them."""
        found = WindowDiff(self._stored, resource, reading, may_be_stored=self._may_be_stored(reading.window))
        for rows, changed in found.parts():
            self._were_seen(resource, rows.records)
            self.rejections.note(resource, rows)
            self._note_items(resource, changed)
            yield Batch(changed)
        missing, resolved, removed = found.missing, empty_rows(resource), 0
        confirmed = reading.is_confirmed or (reading.is_complete and found.agrees)
        if len(missing) and resource.absence is Absence.READ_AGAIN:
            confirmed = confirmed or self._reads_the_same_again(resource, reading)
            if confirmed:
                gone = tombstones(missing, resolved.records, reading.finished_at)
                self.rejections.note(resource, Rows(gone, None))
                resolved = _with_records(resolved, gone)
                removed, self._an_item_vanished = len(missing), True
        elif resource.absence is Absence.LOOKED_UP_LAST:
            self._orders_missing.update(ids_of(missing))  # another window may contain them
            self._order_windows.append((reading.window, reading.is_complete))
        elif len(missing):
            resolved, removed = self._lookup.resolve_missing(resource, missing, resolved)
            self._were_seen(resource, missing)
        changed_rows = found.changed + len(resolved.records) - removed
        accepted = self._accepts(reading, has_changes=bool(found.new + changed_rows))
        receipt = self._receipt(reading, found.new, changed_rows, removed, is_confirmed=confirmed, is_accepted=accepted)
        if len(missing) and resource.absence is Absence.LOOKED_UP_LAST:
            self._waiting.append(receipt)
            return
        self._note_items(resource, resolved)
        yield Batch(resolved, (receipt,))

    def _look_up_missing_orders(self) -> Iterator[Batch]:
        """Look up stored orders that complete lists lack and that no window of this run showed: moved, or deleted."""
        if not self._is_compared(ORDERS):
            return
        missing = {*self._orders_missing, *(self._stored.undated_orders() if self._all_orders_were_read() else ())}
        read = pa.concat_arrays([pa.array([], INTEGER), *self._orders_read])
        ids = pa.array(sorted(missing - self._orders_asked), INTEGER)
        wanted = ids.filter(pc.invert(pc.is_in(ids, read))).to_pylist()
        if not wanted:
            return
        log.info("orders: %d that a complete list lacks are looked up by id, one request each", len(wanted))
        self._orders_asked.update(wanted)
        rows, removed = self._lookup.resolve_missing_orders(wanted, read[0].as_py() if len(read) else None)
        self.events.mark_read(ids_of(rows.records.filter(pc.invert(rows.records[IS_REMOVED.name]))))
        self._note_items(ORDERS, rows)
        yield self._asked_by_id(ORDERS, rows, len(wanted), removed)

    def _all_orders_were_read(self) -> bool:
        """Return whether this run's windows cover all orders, whatever their dates, and all are complete."""
        windows = [window for window, _ in self._order_windows]
        spans = joined((window.start, window.end) for window in windows)
        return (
            len(spans) == 1
            and all(is_complete for _, is_complete in self._order_windows)
            and any(window.before is Edge.OPEN for window in windows)
            and any(window.after is Edge.OPEN for window in windows)
        )

    def _ask_for_records_ahead(self, resource: Resource) -> Iterator[Batch]:
        """Read records dated after today again by their items: once corrected, they are in no window up to now."""
        stored = self._stored.dated_ahead(resource, self.now) if self._is_compared(resource) else None
        if stored is None:
            return
        # Records read while the service's clock was ahead are compared once that time has come.
        stored = stored.filter(pc.less_equal(stored["_seen_at"].cast(MOMENT), pa.scalar(self.now, MOMENT)))
        listed_ahead = pa.array(self._records_ahead.get(resource.name, ()), INTEGER)
        vanished = stored.filter(pc.invert(pc.is_in(stored["id"], listed_ahead)))
        item = vanished[resource.item_column]
        for item_id in sorted(item.drop_null().unique().to_pylist()):
            where = f"{resource.name} of item {item_id}"
            try:
                read = list(read_pages(self._client, (resource.item_path or "").format(item_id), {}, where))
            except (NotFound, Refused, InvalidResponse):
                continue
            if any(page.is_not_found for page in read):  # a 404 for a list does not prove that records are gone
                continue
            rows = read_rows(resource, read, self._request.pseudonyms, where, self._rules)
            self.rejections.note(resource, rows)
            found = find_changes(resource, rows, self._stored.latest(resource, ids_of(rows.records), None))
            # Remove a version that is no longer listed, even if the correction equals an older version.
            mine = vanished.filter(pc.equal(item, item_id))
            listed = {*_keys(resource, rows.records)}
            gone = mine.filter(pa.array([key not in listed for key in _keys(resource, mine)], pa.bool_()))
            ended = tombstones(gone, found.rows.records, self._client.service_time())
            self.rejections.note(resource, Rows(ended, None))
            yield self._asked_by_id(resource, _with_records(found.rows, ended), len(read), len(ended), new=found.new)

    def _is_compared(self, resource: Resource) -> bool:
        """Return whether any rows of the resource may be stored."""
        is_known = any(past.resource == resource.name for past in self._past)
        return is_known or self._has_loose_rows.get(resource.name, False)

    def _earlier(self) -> list[Receipt]:
        return [past for past in self._past if past.run_id != self._request.run_id and not past.is_ahead(self.now)]

    def _has_differed(self, window: Window) -> bool:
        return has_differed(window, self._earlier())

    def _accepts(self, reading: Reading, *, has_changes: bool) -> bool:
        """Return whether a total has differed from its rows for long enough to accept it; log the first acceptance."""
        if reading.is_complete or not reading.is_steady:
            return False
        window, earlier = reading.window, self._earlier()
        if was_accepted(window, reading.difference, earlier):
            return True
        is_new = is_third_equal(window, reading.difference, earlier, has_changes=has_changes)
        if is_new:
            self._newly_accepted.setdefault(window.resource, []).append(reading)
            self._is_load_due = True
        return is_new

    def _warn_of_accepted(self, resource: Resource) -> None:
        """Warn once: an accepted window is not read again, so nothing reports it a second time."""
        if readings := self._newly_accepted.pop(resource.name, []):
            others = f", and {len(readings) - 1} more windows alike" if len(readings) > 1 else ""
            log.warning(
                "%s: %s in three runs%s: accepted with this difference and no longer read again",
                readings[0].window,
                readings[0].reason,
                others,
            )

    def _were_seen(self, resource: Resource, records: pa.Table) -> None:
        if resource.is_named_elsewhere:
            self.events.mark_read(ids_of(records))
        if resource.absence is Absence.LOOKED_UP_LAST and self._is_compared(resource):
            self._orders_read.append(records["id"].combine_chunks())
        if unsettled := self._unsettled.get(resource.name):
            unsettled.difference_update(ids_of(records))
        if resource.has_records_ahead:
            ahead = pc.greater(records[resource.window.column], pa.scalar(self.now, MOMENT))
            self._records_ahead.setdefault(resource.name, set()).update(ids_of(records.filter(ahead)))

    def _note_items(self, resource: Resource, changed: Rows) -> None:
        if self._watches_items:
            self._items_seen.update(_items_of(resource, changed))

    def _reads_the_same_again(self, resource: Resource, reading: Reading) -> bool:
        """Return whether a second reading shows the same rows, because rows of history cannot be looked up by id."""
        again = self._reader.read_again(resource, reading.window)
        found = find_changes(resource, again.rows, reading.rows)
        return again.is_complete and not found.new + found.changed + len(found.missing)

    def _ask_for_unsettled(self, resource: Resource) -> Iterator[Batch]:
        """Look up records that were not settled when last seen and that no window of this run showed."""
        stored = self._stored.latest(resource, sorted(self._unsettled[resource.name]), None)
        if stored is None:
            return
        self._unsettled[resource.name].clear()
        empty = Rows(stored.records.select(resource.schema().names).cast(resource.schema()).slice(0, 0), None)
        rows, removed = self._lookup.resolve_missing(resource, stored.records, empty)
        yield self._asked_by_id(resource, rows, len(stored.records), removed)

    def _ask_for_named(self, resource: Resource) -> Iterator[Batch]:
        """Look up records that events or charges name and that no window of this run showed."""
        for order_id in sorted({*self.events.open_orders(), *self._named_orders} - self._orders_asked):
            try:
                yield Batch(self._lookup.look_up(resource, order_id))
            except (NotFound, Refused, InvalidResponse) as failure:
                self.events.mark_failed(order_id, str(failure))
            else:
                self.events.mark_read([order_id])
            self._orders_asked.add(order_id)

    def _end_rejections_of_dropped_rows(self, resource: Resource) -> None:
        """Close entries of rows without a readable key. Such a row makes its window incomplete, so without incomplete
        windows there is none left.
        """
        is_read = resource.name not in self._reader.unread | self._reader.failures.keys()
        done = [each for each in (*self._past, *self._done) if each.resource == resource.name]
        if not (is_read and done and self.rejections.has_dropped_rows(resource)):
            return
        for each in done:
            later = [
                r.span for r in done if r.is_complete and r.filter == each.filter and r.finished_at > each.finished_at
            ]
            is_list = each.filter == SNAPSHOT.name and later
            if not each.is_complete and not is_list and without([each.span], later):
                return
        self.rejections.end_dropped_rows(resource, max(each.finished_at for each in done))

    def _may_be_stored(self, window: Window) -> bool:
        """Return whether an earlier window of the resource overlaps this one, or rows were loaded without a receipt."""
        if window.resource not in self._has_loose_rows:
            self._has_loose_rows[window.resource] = self._stored.has_rows_without_receipt(window.resource)
        if self._has_loose_rows[window.resource]:
            return True
        past = [past for past in self._past if past.resource == window.resource]
        if window.kind is SNAPSHOT or RESOURCES[window.resource].settled:  # its rows may have been in any window
            return bool(past)
        overlap = 2 * window.kind.overlap  # of both windows
        if window.resource not in self._covered:
            self._covered[window.resource] = joined(self._with_open_ends(past, overlap))
        covered = self._covered[window.resource]
        return any(a <= window.end + overlap and b >= window.start for a, b in covered)

    def _with_open_ends(self, receipts: list[Receipt], overlap: timedelta) -> Iterator[Span]:
        """Return the spans in which rows of these windows may lie.

        The last window of an earlier run has no end in its query: if the service's clock was behind, it has rows that
        are dated after its end.
        """
        last: dict[str, datetime] = {}
        for each in receipts:
            last[each.run_id] = max(each.span[1], last.get(each.run_id, each.span[1]))
        for each in receipts:
            start, end = each.span
            is_last = each.run_id != self._request.run_id and end == last[each.run_id]
            yield start, END_OF_TIME if is_last else end + overlap

    def _asked_by_id(self, resource: Resource, rows: Rows, asked: int, removed: int, new: int = 0) -> Batch:
        """Return the changes of records that were looked up by id, with a receipt."""
        window = Window(resource.name, "id", self.now, self.now)
        reading = Reading(window, SpillBuffer(resource), asked, asked, asked, 0, self.now, self.now, True, True)
        changed = len(rows.records) - removed - new
        return Batch(rows, (self._receipt(reading, new, changed, removed, is_confirmed=True),))

    def _receipt(
        self,
        reading: Reading,
        new: int,
        changed: int,
        removed: int,
        *,
        is_confirmed: bool,
        is_accepted: bool = False,
    ) -> Row:
        """Return the row of extract_windows for one reading."""
        window, run_id = reading.window, self._request.run_id
        receipt = {
            "window_id": f"{run_id}-{uuid.uuid4().hex[:12]}",
            "run_id": run_id,
            "resource": window.resource,
            "filter": window.filter,
            "window_start": window.start,
            "window_end": window.end,
            "total_announced": reading.total,
            "rows_read": reading.buffer.read,
            "distinct_keys": reading.keys,
            "rows_new": new,
            "rows_changed": changed,
            "rows_removed": removed,
            "requests": reading.requests,
            "bytes": reading.bytes,
            "started_at": reading.started_at,
            "finished_at": reading.finished_at,
            "is_complete": reading.is_complete,
            "is_confirmed": is_confirmed,
            "is_accepted": is_accepted,
            "reason": reading.reason,
        }
        self._done.append(receipt_of(receipt))
        return receipt


def _ask_the_time(client: Client) -> datetime:
    """Return the service's time, from the Date header that every response has, even an error."""
    with suppress(Forbidden, NotFound, Refused, InvalidResponse, UnsafeLink, DeadlineReached):
        try:
            read_page(client, ITEMS.path, {"per_page": "1"}, "the service's clock")
        except Unreachable as failure:  # if only items fail, continue with the other lists
            try:
                read_page(client, ORDERS.path, {"per_page": "1"}, "the service's clock")
            except Unreachable:
                raise failure from None
    return client.service_time()


def _warn_of_receipts_ahead(past: list[Receipt], now: datetime) -> None:
    if ahead := [receipt.finished_at for receipt in past if receipt.is_ahead(now)]:
        log.warning(
            "%d windows were read up to %s by a clock of the service that now says %s: they are read again",
            len(ahead),
            f"{max(ahead):%Y-%m-%d %H:%M}",
            f"{now:%Y-%m-%d %H:%M}",
        )


def _keys(resource: Resource, records: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(records[name].to_pylist() for name in resource.key), strict=True))


def _items_of(resource: Resource, rows: Rows) -> list[int]:
    """Return the ids of items that rows name."""
    tables = {resource.name: rows.records, **({resource.lines.table: rows.lines} if resource.lines else {})}
    named = [table[ITEM_COLUMNS[name]] for name, table in tables.items() if table and name in ITEM_COLUMNS]
    return [item for column in named for item in column.drop_null().unique().to_pylist()]


class RecordLookup:
    """Look up records by id, one request each, and compare them with the stored ones."""

    def __init__(
        self,
        client: Client,
        stored: Stored,
        pseudonyms: Pseudonymizer,
        rejections: Rejections,
        rules: ParseRules,
    ) -> None:
        self._client, self._stored, self._pseudonyms = client, stored, pseudonyms
        self._rejections, self._rules = rejections, rules

    def look_up(self, resource: Resource, record_id: int) -> Rows:
        """Return the record if it is new or changed, else no rows; raise `NotFound` if the service does not know it."""
        page = read_record(self._client, resource.path, record_id, resource.name)
        where = f"{resource.name}, id {record_id}"
        found = read_rows(resource, [page], self._pseudonyms, where, self._rules)
        self._rejections.note(resource, found)
        return find_changes(resource, found, self._stored.latest(resource, [record_id], None)).rows

    def resolve_missing(self, resource: Resource, missing: pa.Table, rows: Rows) -> tuple[Rows, int]:
        """Look up records that a list no longer returns; return `rows` with the results, and how many are removed.

        A record is removed if the service does not know its id; else it moved.
        """
        gone = []
        for index, record_id in enumerate(missing["id"].to_pylist()):
            try:
                rows = _with_records(rows, self.look_up(resource, record_id).records)
            except NotFound:
                gone.append(index)
        if gone:
            removed = tombstones(missing.take(gone), rows.records, self._client.service_time())
            self._rejections.note(resource, Rows(removed, None))
            rows = _with_records(rows, removed)
        return rows, len(gone)

    def resolve_missing_orders(self, ids: Sequence[int], known_id: int | None) -> tuple[Rows, int]:
        """Look up orders that a complete list lacks. Return their changes and tombstones, and how many are gone.

        `known_id` is an order that a list has just returned: if the service does not find it by its id either, a 404
        proves nothing, and no order is marked. A tombstone has the lines of the last version.
        """
        found, gone, unread = [empty_rows(ORDERS)], list[int](), 0
        for order_id in ids:
            try:
                found.append(self.look_up(ORDERS, order_id))
            except NotFound:
                gone.append(order_id)
            except (Refused, InvalidResponse):
                unread += 1
        if unread:
            log.warning(
                "orders: %d of %d that a list lacks could not be read by id; they stay as they are", unread, len(ids)
            )
        if gone and known_id is not None and not self._finds(known_id):
            log.warning("orders: the service finds no order by its id, so none of %d is marked as deleted", len(gone))
            gone = []
        if gone and (stored := self._stored.latest(ORDERS, gone, None)):
            wanted = pc.and_(
                pc.is_in(stored.records["id"], pa.array(gone, INTEGER)), pc.invert(stored.records["_is_removed"])
            )
            last = stored.records.filter(wanted)
            ended = tombstones(last, empty_rows(ORDERS).records, self._client.service_time())
            self._rejections.note(ORDERS, Rows(ended, None))
            found.append(Rows(ended, _lines_of(last, ended, stored.lines)))
            return concatenated(found), len(ended)
        return concatenated(found), 0

    def _finds(self, order_id: int) -> bool:
        try:
            read_record(self._client, ORDERS.path, order_id, ORDERS.name)
        except NotFound:
            return False
        return True


def _lines_of(last: pa.Table, ended: pa.Table, lines: pa.Table | None) -> pa.Table:
    """Return the lines of the last versions, with the tombstones' times."""
    schema = ORDERS.lines.schema() if ORDERS.lines else pa.schema([])
    if lines is None or not ORDERS.lines:
        return schema.empty_table()
    parent = ORDERS.lines.parent
    places = pc.index_in(lines[parent], last["id"].combine_chunks())
    kept = pc.fill_null(pc.equal(lines["_seen_at"], last["_seen_at"].take(places)), False)
    lines, places = lines.filter(kept), places.filter(kept)
    own = sorted(set(lines.column_names) - BOOKKEEPING - set(schema.names))
    columns = {name: lines[name].cast(schema.field(name).type) for name in schema.names if name in lines.column_names}
    columns |= {name: lines[name].cast(TEXT) for name in own}
    return pa.table(columns | {"_seen_at": ended["_seen_at"].take(places)})


def _with_records(rows: Rows, more: pa.Table) -> Rows:
    return replace(rows, records=pa.concat_tables([rows.records, more], promote_options="default"))
