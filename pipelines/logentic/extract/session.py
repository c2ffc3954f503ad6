"""What the resources of one extraction share: the service's clock, the plan, the receipts."""

import logging
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
from logentic.extract.reader import Extraction, Reading
from logentic.extract.rejections import Rejections
from logentic.extract.run import RunState
from logentic.extract.spill_buffer import SpillBuffer
from logentic.extract.stored_records import Stored, ids_of, receipt_of
from logentic.extract.windows import MINUTE, Edge, Receipt, Span, Window, joined, snapshot, without
from logentic.monitoring.memory import give_back
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import (
    INTEGER,
    IS_REMOVED,
    ITEM_COLUMNS,
    ITEM_QUANTITIES,
    ITEMS,
    MOMENT,
    ORDERS,
    PAYMENT_ITEMS,
    RECEIPTS,
    RESOURCES,
    SNAPSHOT,
    TEXT,
    Absence,
    Resource,
)

log = logging.getLogger("logentic")
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)


class Session:
    """One extraction of a run: from `open` to the end of its last resource."""

    def __init__(self, run: RunState, stored: Stored, go_on: Callable[[], bool]) -> None:
        request = run.request
        self.run, self._request = run, request
        self.receipts: list[dict[str, Any]] = []  # of windows whose rows were taken
        self._kept: dict[str, list[dict[str, Any]]] = {}  # of windows whose last rows are under way, by resource
        self.running: set[str] = set()  # resources that have begun and not ended
        self._stored = stored
        allow_memory(request.settings.load_memory)
        self._client = Client(request.settings, run.traffic, stop_at=request.stop_at, lists=run.lists)
        self._parsing = ParseRules(
            ZoneInfo(request.settings.timezone), ExtraColumns(stored.extra_columns()), stored.holds_nul
        )
        self._extraction = Extraction(
            self._client,
            request.pseudonyms,
            connections=request.settings.connections,
            window_pages=request.settings.window_pages,
            folder=request.folder,
            progress=request.progress,
            go_on=go_on,
            parsing=self._parsing,
        )
        self.rejections = Rejections(stored)
        self._lookup = RecordLookup(self._client, stored, request.pseudonyms, self.rejections, self._parsing)
        self._past = stored.receipts()
        self._has_receipts_to_load = False  # also where nothing else is new
        known = {past.window_id for past in self._past}
        run.deferred = [row for row in run.deferred if row["window_id"] not in known]
        self._past += map(receipt_of, run.deferred)
        if run.began_at is None:
            run.began_at = self._ask_the_time()
            self._warn_of_receipts_ahead()
        loaded_until = stored.latest_load_finished_at()
        if loaded_until and loaded_until > run.now + MINUTE:  # the models take the time from the latest load
            self._has_receipts_to_load = True
        self._unbilled_days = stored.unbilled()
        if run.unbilled is None:
            run.unbilled = dict(self._unbilled_days)
        since = min((event.received_at for event in request.events), default=None)
        known_events = stored.events(since, also_dead=bool(request.events_retried))
        self.events = EventOrders(
            request.events, known_events, request.events_retried, request.settings.webhook_attempts
        )
        self._lacking_orders: list[Window] = []  # windows of this extraction that lack a stored order
        self._newly_accepted: dict[str, list[Reading]] = {}
        self._covered: dict[str, list[Span]] = {}  # time of which something may be stored
        self._has_loose_rows: dict[str, bool] = {}  # by resource
        self._begun: dict[str, tuple[Rows, Iterator[Rows | None]]] | None = None
        self._items_seen: set[int] = set()  # in rows that are news
        self._watches_items = not self._plan(ITEMS)  # else they are read in any case
        self._an_item_vanished = False

    def finds_changes(self) -> bool:
        """Read until a change is found, which `changes` then yields first; False if all is read and nothing changed."""
        streams = {name: self._read(resource) for name, resource in RESOURCES.items()}
        found: dict[str, Rows] = {}
        self.running.update(streams)
        while streams and not found and not self.rejections.have_rows:
            for name in list(streams):
                try:
                    rows = next(streams[name])
                except StopIteration:
                    del streams[name]
                    self.were_taken(RESOURCES[name])
                else:
                    if rows is not None and len(rows.records):
                        found[name] = rows
        self._begun = {name: (found.get(name, empty_rows(RESOURCES[name])), stream) for name, stream in streams.items()}
        return bool(found) or self.events.have_rows or self.rejections.have_rows or self._has_receipts_to_load

    def changes(self, resource: Resource) -> Generator[Rows | None, None, None]:
        """Yield the new and changed rows of a resource, by window; None while nothing is found yet."""
        try:
            if self._begun is None:
                yield from self._read(resource)
            elif begun := self._begun.pop(resource.name, None):
                first, rest = begun
                yield first
                yield from rest
        finally:
            self.running.discard(resource.name)

    def were_taken(self, resource: Resource) -> None:
        """Note that every row and line that `changes` yielded is taken: receipts of its windows may be stored."""
        self.receipts += self._kept.pop(resource.name, [])

    def forget_receipts(self, name: str) -> None:
        """Not all rows of this resource were taken: the next extraction reads its windows again."""
        self._kept.pop(name, None)
        self.receipts = [row for row in self.receipts if row["resource"] != name]

    def _forget_windows(self, resource: Resource, windows: list[Window]) -> None:
        """Drop the receipts of windows of this extraction."""
        spans = {(window.filter, window.start, window.end) for window in windows}
        for receipts in (self._kept.get(resource.name, []), self.receipts):
            receipts[:] = [
                row
                for row in receipts
                if row["resource"] != resource.name
                or (row["filter"], row["window_start"], row["window_end"]) not in spans
            ]

    def stop(self) -> None:
        """End requests under way, and keep nothing of them."""
        self._extraction.close()
        self._stored.close()

    def close(self) -> pa.Table:
        """Return the receipts of this extraction and the deferred ones, when its last resource has ended."""
        self.stop()
        give_back()
        self.run.unread |= self._extraction.unread
        self.run.receipts += self.receipts
        return pa.Table.from_pylist([*self.run.deferred, *self.receipts], RECEIPTS)

    def _read(self, resource: Resource) -> Iterator[Rows | None]:
        try:
            if resource.name not in self.run.readable:
                return
            windows = self._plan(resource)
            if resource is ITEMS and not windows:
                yield None  # lets the others begin
                while self.running - {ITEMS.name}:
                    yield None
                windows = self._plan_items_again()
            for reading in self._extraction.readings(resource, windows, self._has_differed):
                if reading:
                    yield from self._compare(resource, reading)
                else:
                    yield None
            is_bounded = self._request.start or self._request.end
            if resource is PAYMENT_ITEMS and not is_bounded and resource.name not in self._extraction.unread:
                yield from self._ask_for_unbilled(resource)
            if resource is ORDERS:
                try:
                    yield from self._look_up_missing_orders()
                except DeadlineReached:  # the next run reads these windows again, and finds the same orders missing
                    self._forget_windows(ORDERS, self._lacking_orders)
                    raise
            if resource is ITEM_QUANTITIES and not is_bounded and resource.name not in self._extraction.unread:
                yield from self._ask_for_records_ahead()
            if resource is ORDERS and resource.name not in self._extraction.unread:
                yield from self._ask_for_orders()
            self._end_rejections_of_dropped_rows(resource)
        except DeadlineReached:
            self._extraction.unread.add(resource.name)
        except DamagedRaw:
            raise
        except LogenticError as failure:
            self._extraction.failures[resource.name] = failure
        finally:
            self._warn_of_accepted(resource)
            self.running.discard(resource.name)
            self.run.failures |= self._extraction.failures

    def _plan(self, resource: Resource) -> list[Window]:
        ask = Ask(
            self.run.now, self._request.run_id, self._request.start, self._request.end, self._request.is_selective
        )
        days = [day for _, day in self._unbilled_days if day]
        return plan(resource.name, ask, self._past, self._request.settings, min(days, default=None))

    def _plan_items_again(self) -> list[Window]:
        """Items are read once a day; again when one turned up that nothing stored names, or vanished from history."""
        is_due = self._an_item_vanished or self._stored.unknown_items(self._items_seen)
        return [snapshot(ITEMS.name, self.run.now)] if is_due else []

    def _compare(self, resource: Resource, reading: Reading) -> Iterator[Rows]:
        """The news of a reading; its receipt is kept."""
        found = WindowDiff(self._stored, resource, reading, may_be_stored=self._may_be_stored(reading.window))
        for rows, news in found.parts():
            self._were_seen(resource, rows.records)
            self.rejections.note(resource, rows)
            self._note_items(resource, news)
            if resource is ORDERS and self._is_compared(ORDERS):
                self.run.orders_read.append(rows.records["id"].combine_chunks())
            elif resource is ITEM_QUANTITIES:
                ahead = pc.greater(rows.records["updated_at"], pa.scalar(self.run.now, MOMENT))
                self.run.records_ahead.update(ids_of(rows.records.filter(ahead)))
            yield news
        if resource is ORDERS:
            self.run.order_windows.append((reading.window, reading.is_complete))
        missing, resolved, removed = found.missing, empty_rows(resource), 0
        confirmed = reading.is_proven or (reading.is_complete and found.agrees)
        if len(missing) and resource.absence is Absence.READ_AGAIN:
            confirmed = confirmed or self._reads_the_same_again(resource, reading)
            if confirmed:
                gone = tombstones(missing, resolved.records, reading.finished_at)
                self.rejections.note(resource, Rows(gone, None))
                resolved = _with_records(resolved, gone)
                removed, self._an_item_vanished = len(missing), True
        elif resource.absence is Absence.LOOKED_UP_LAST:
            self.run.orders_missing.update(ids_of(missing))  # another window may hold them
            if len(missing):
                self._lacking_orders.append(reading.window)
        elif len(missing):
            resolved, removed = self._lookup.resolve_missing(resource, missing, resolved)
            self._were_seen(resource, missing)
        changed = found.changed + len(resolved.records) - removed
        accepted = self._accepts(reading, has_news=bool(found.new + changed))
        self._keep_receipt(reading, found.new, changed, removed, confirmed, accepted)
        if len(resolved.records):
            self._note_items(resource, resolved)
            yield resolved

    def _look_up_missing_orders(self) -> Iterator[Rows]:
        """Stored orders that complete lists lack, and that no window of this run gave: moved, or deleted."""
        if not self._is_compared(ORDERS):
            return
        missing = {*self.run.orders_missing, *(self._stored.undated_orders() if self._all_orders_were_read() else ())}
        self.run.orders_missing.clear()
        read = pa.concat_arrays([pa.array([], INTEGER), *self.run.orders_read])
        ids = pa.array(sorted(missing - self.run.orders_asked), INTEGER)
        wanted = ids.filter(pc.invert(pc.is_in(ids, read))).to_pylist()
        if not wanted:
            return
        log.info("orders: %d that a complete list lacks are looked up by id, one request each", len(wanted))
        self.run.orders_asked.update(wanted)
        rows, removed = self._lookup.resolve_missing_orders(wanted, read[0].as_py() if len(read) else None)
        self.events.were_read(ids_of(rows.records.filter(pc.invert(rows.records[IS_REMOVED.name]))))
        self._note_items(ORDERS, rows)
        self._keep_receipt_of_ids(ORDERS, len(wanted), len(rows.records) - removed, removed)
        yield rows

    def _all_orders_were_read(self) -> bool:
        """Whether the windows of this run hold all orders, whatever their dates, and each was read whole."""
        windows = [window for window, _ in self.run.order_windows]
        spans = joined((window.start, window.end) for window in windows)
        return (
            len(spans) == 1
            and all(is_complete for _, is_complete in self.run.order_windows)
            and any(window.before is Edge.OPEN for window in windows)
            and any(window.after is Edge.OPEN for window in windows)
        )

    def _ask_for_records_ahead(self) -> Iterator[Rows]:
        """Stock records dated after today are read again by their items: corrected, they are in no window up to now."""
        stored = self._stored.dated_ahead(self.run.now) if self._is_compared(ITEM_QUANTITIES) else None
        if stored is None:
            return
        # What was read while the service's clock was ahead is judged when that time has come.
        stored = stored.filter(pc.less_equal(stored["_seen_at"].cast(MOMENT), pa.scalar(self.run.now, MOMENT)))
        vanished = stored.filter(pc.invert(pc.is_in(stored["id"], pa.array(self.run.records_ahead, INTEGER))))
        for item_id in sorted(vanished["item_id"].drop_null().unique().to_pylist()):
            mine = vanished.filter(pc.equal(vanished["item_id"], item_id))
            where = f"{ITEM_QUANTITIES.name} of item {item_id}"
            try:
                read = list(read_pages(self._client, (ITEM_QUANTITIES.item_path or "").format(item_id), {}, where))
            except (NotFound, Refused, InvalidResponse):
                continue
            if any(page.is_not_found for page in read):  # a 404 on a list does not prove that records are gone
                continue
            rows = read_rows(ITEM_QUANTITIES, read, self._request.pseudonyms, where, self._parsing)
            self.rejections.note(ITEM_QUANTITIES, rows)
            known = self._stored.latest(ITEM_QUANTITIES, ids_of(rows.records), None)
            news = find_changes(ITEM_QUANTITIES, rows, known)
            # A version that is listed no more is ended, also where the correction equals an older version.
            listed = set(zip(*(rows.records[name].to_pylist() for name in ITEM_QUANTITIES.key), strict=True))
            keys = zip(*(mine[name].to_pylist() for name in ITEM_QUANTITIES.key), strict=True)
            gone = mine.filter(pa.array([key not in listed for key in keys], pa.bool_()))
            ended = tombstones(gone, news.rows.records, self._client.service_time())
            self.rejections.note(ITEM_QUANTITIES, Rows(ended, None))
            self._keep_receipt_of_ids(ITEM_QUANTITIES, len(read), news.changed, len(ended), new=news.new)
            yield _with_records(news.rows, ended)

    def _is_compared(self, resource: Resource) -> bool:
        """Whether anything of a resource may be stored."""
        return any(past.resource == resource.name for past in self._past)

    def _earlier(self) -> list[Receipt]:
        return [past for past in self._past if past.run_id != self._request.run_id and not past.is_ahead(self.run.now)]

    def _has_differed(self, window: Window) -> bool:
        return has_differed(window, self._earlier())

    def _accepts(self, reading: Reading, *, has_news: bool) -> bool:
        """Whether a total that differs from the rows has differed so for long enough; said when it begins."""
        if reading.is_complete or not reading.is_steady:
            return False
        window, earlier = reading.window, self._earlier()
        if was_accepted(window, reading.difference, earlier):
            return True
        is_new = is_third_equal(window, reading.difference, earlier, has_news=has_news)
        if is_new:
            self._newly_accepted.setdefault(window.resource, []).append(reading)
            self._has_receipts_to_load = True
        return is_new

    def _warn_of_accepted(self, resource: Resource) -> None:
        """Once: an accepted window is not read again, so nothing names it a second time."""
        if readings := self._newly_accepted.pop(resource.name, []):
            others = f", and {len(readings) - 1} more windows alike" if len(readings) > 1 else ""
            log.warning(
                "%s: %s in three runs%s: accepted with this difference and no longer read again",
                readings[0].window,
                readings[0].reason,
                others,
            )

    def _were_seen(self, resource: Resource, records: pa.Table) -> None:
        if resource is ORDERS:
            self.events.were_read(ids_of(records))
        elif resource is PAYMENT_ITEMS and self.run.unbilled:
            for seen in ids_of(records):
                self.run.unbilled.pop(seen, None)

    def _note_items(self, resource: Resource, news: Rows) -> None:
        if self._watches_items:
            self._items_seen.update(_items_of(resource, news))

    def _reads_the_same_again(self, resource: Resource, reading: Reading) -> bool:
        """Rows of history have no address of their own: a second reading must miss them as well."""
        again = self._extraction.read_again(resource, reading.window)
        news = find_changes(resource, again.rows, reading.rows)
        return again.is_complete and not news.new + news.changed + len(news.missing)

    def _ask_for_unbilled(self, resource: Resource) -> Iterator[Rows]:
        """Charges that were not billed when last seen, and that no window of this run showed, are asked for by id."""
        stored = self._stored.latest(resource, sorted(self.run.unbilled or ()), None)
        if stored is None:
            return
        self.run.unbilled = {}
        empty = Rows(stored.records.select(resource.schema().names).cast(resource.schema()).slice(0, 0), None)
        rows, removed = self._lookup.resolve_missing(resource, stored.records, empty)
        self._keep_receipt_of_ids(resource, len(stored.records), len(rows.records) - removed, removed)
        yield rows

    def _ask_for_orders(self) -> Iterator[Rows]:
        """Orders that events or charges name, and that no window of this run showed."""
        for order_id in sorted({*self.events.orders(), *self.run.named_orders} - self.run.orders_asked):
            try:
                yield self._lookup.look_up(ORDERS, order_id)
            except (NotFound, Refused, InvalidResponse) as failure:
                self.events.failed(order_id, str(failure))
            else:
                self.events.were_read([order_id])
            self.run.orders_asked.add(order_id)

    def _end_rejections_of_dropped_rows(self, resource: Resource) -> None:
        """A row without a readable key leaves its window incomplete: when no window is, there is no such row left."""
        is_read = resource.name not in self._extraction.unread | self._extraction.failures.keys()
        done = [each for each in (*self._past, *map(receipt_of, self.receipts)) if each.resource == resource.name]
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
        """Whether an earlier window of the resource overlaps this one, or rows were loaded without a receipt."""
        if window.resource not in self._has_loose_rows:
            self._has_loose_rows[window.resource] = self._stored.has_rows_without_receipt(window.resource)
        if self._has_loose_rows[window.resource]:
            return True
        past = [past for past in self._past if past.resource == window.resource]
        if window.kind is SNAPSHOT or RESOURCES[window.resource].settled:  # its rows may have been in any window
            return bool(past)
        margin = 2 * window.kind.overlap
        if window.resource not in self._covered:
            self._covered[window.resource] = joined(self._with_open_ends(past, margin))
        covered = self._covered[window.resource]
        return any(a <= window.end + margin and b >= window.start for a, b in covered)

    def _with_open_ends(self, receipts: list[Receipt], margin: timedelta) -> Iterator[Span]:
        """The time in which rows of these windows may lie.

        The last window of an earlier run has no end in its query: where the service's clock was behind, it holds rows
        that are dated after its end.
        """
        last: dict[str, datetime] = {}
        for each in receipts:
            last[each.run_id] = max(each.span[1], last.get(each.run_id, each.span[1]))
        for each in receipts:
            start, end = each.span
            is_last = each.run_id != self._request.run_id and end == last[each.run_id]
            yield start, END_OF_TIME if is_last else end + margin

    def _ask_the_time(self) -> datetime:
        """The service's clock stands in the Date header of every response, also of one that refuses."""
        with suppress(Forbidden, NotFound, Refused, InvalidResponse, UnsafeLink, DeadlineReached):
            try:
                read_page(self._client, ITEMS.path, {"per_page": "1"}, "the service's clock")
            except Unreachable as failure:  # items alone may fail: then the other lists go on
                try:
                    read_page(self._client, ORDERS.path, {"per_page": "1"}, "the service's clock")
                except Unreachable:
                    raise failure from None
        return self._client.service_time()

    def _warn_of_receipts_ahead(self) -> None:
        if ahead := [past.finished_at for past in self._past if past.is_ahead(self.run.now)]:
            log.warning(
                "%d windows were read up to %s by a clock of the service that now says %s: they are read again",
                len(ahead),
                f"{max(ahead):%Y-%m-%d %H:%M}",
                f"{self.run.now:%Y-%m-%d %H:%M}",
            )

    def _keep_receipt(
        self, reading: Reading, new: int, changed: int, removed: int, confirmed: bool, accepted: bool = False
    ) -> None:
        kept = _receipt(self._request.run_id, reading, new, changed, removed, confirmed=confirmed, accepted=accepted)
        self._kept.setdefault(reading.window.resource, []).append(kept)

    def _keep_receipt_of_ids(self, resource: Resource, asked: int, changed: int, removed: int, new: int = 0) -> None:
        """Of records that were asked for by their ids."""
        window = Window(resource.name, "id", self.run.now, self.run.now)
        reading = Reading(window, SpillBuffer(resource), asked, asked, asked, 0, self.run.now, self.run.now, True, True)
        self._keep_receipt(reading, new, changed, removed, True)


def _items_of(resource: Resource, rows: Rows) -> list[int]:
    """The items that rows name."""
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
        parsing: ParseRules | None = None,
    ) -> None:
        self._client, self._stored, self._pseudonyms = client, stored, pseudonyms
        self._rejections = rejections
        self._parsing = parsing or ParseRules()

    def look_up(self, resource: Resource, record_id: int) -> Rows:
        """Return the record if it is new or changed, else no rows; raise `NotFound` if the service does not know it."""
        page = read_record(self._client, resource.path, record_id, resource.name)
        where = f"{resource.name}, id {record_id}"
        found = read_rows(resource, [page], self._pseudonyms, where, self._parsing)
        self._rejections.note(resource, found)
        return find_changes(resource, found, self._stored.latest(resource, [record_id], None)).rows

    def resolve_missing(self, resource: Resource, missing: pa.Table, rows: Rows) -> tuple[Rows, int]:
        """Look up records that a list no longer returns; return `rows` with the results, and how many are removed.

        A record is removed if the service does not know its id; else it moved.
        """
        gone = []
        for place, record_id in enumerate(missing["id"].to_pylist()):
            try:
                rows = _with_records(rows, self.look_up(resource, record_id).records)
            except NotFound:
                gone.append(place)
        if gone:
            removed = tombstones(missing.take(gone), rows.records, self._client.service_time())
            self._rejections.note(resource, Rows(removed, None))
            rows = _with_records(rows, removed)
        return rows, len(gone)

    def resolve_missing_orders(self, ids: Sequence[int], known_id: int | None) -> tuple[Rows, int]:
        """Look up orders that a complete list lacks: what is new of them, and tombstones; and how many are gone.

        `known_id` is an order that a list has just given: where the service does not find it by its id either, a 404
        says nothing, and no order is marked. A tombstone has the lines of the last version.
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
    """The lines of the last versions, dated as the tombstones are."""
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


def _receipt(
    run_id: str, reading: Reading, new: int, changed: int, removed: int, *, confirmed: bool, accepted: bool
) -> dict[str, Any]:
    """Return the row of extract_windows for one reading."""
    window = reading.window
    return {
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
        "is_confirmed": confirmed,
        "is_accepted": accepted,
        "reason": reading.reason,
    }
