"""Records asked for by their ids: lists do not show everything that must be known."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from logentic.api.client import Client
from logentic.api.pagination import read_record
from logentic.errors import InvalidResponse, NotFound, Refused
from logentic.extract.diff import BOOKKEEPING, find_changes, tombstones
from logentic.extract.parsing import ParseRules, Rows, concatenated, empty_rows, read_rows
from logentic.extract.rejections import Rejections
from logentic.extract.stored_records import Stored
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import INTEGER, ORDERS, TEXT, Resource

log = logging.getLogger("logentic")


class ById:
    """Asks for one record at a time, and compares it with what is stored."""

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

    def news(self, resource: Resource, record_id: int) -> Rows:
        """The record, if it is new or differs from the stored one; `NotFound` where the service does not know it."""
        page = read_record(self._client, resource.path, record_id, resource.name)
        where = f"{resource.name}, id {record_id}"
        found = read_rows(resource, [page], self._pseudonyms, where, self._parsing)
        found = self._stored.fitted(found)
        self._rejections.note(resource, found)
        return find_changes(resource, found, self._stored.latest(resource, [record_id], None)).rows

    def mended(self, resource: Resource, missing: pa.Table, rows: Rows) -> tuple[Rows, int]:
        """Rows, with what became of records that a list no longer gives, and how many are gone.

        A record is gone if the service does not know its id; else it only moved.
        """
        gone = []
        for place, record_id in enumerate(missing["id"].to_pylist()):
            try:
                rows = with_records(rows, self.news(resource, record_id).records)
            except NotFound:
                gone.append(place)
        if gone:
            removed = tombstones(missing.take(gone), rows.records, self._client.service_time())
            self._rejections.note(resource, Rows(removed, None))
            rows = with_records(rows, removed)
        return rows, len(gone)

    def missing_orders(self, ids: Sequence[int], known_id: int | None) -> tuple[Rows, int]:
        """Look up orders that a complete list lacks: what is new of them, and tombstones; and how many are gone.

        `known_id` is an order that a list has just given: where the service does not find it by its id either, a 404
        says nothing, and no order is marked. A tombstone has the lines of the last version.
        """
        found, gone, unread = [empty_rows(ORDERS)], list[int](), 0
        for order_id in ids:
            try:
                found.append(self.news(ORDERS, order_id))
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


def with_records(rows: Rows, more: pa.Table) -> Rows:
    return replace(rows, records=pa.concat_tables([rows.records, more], promote_options="default"))
