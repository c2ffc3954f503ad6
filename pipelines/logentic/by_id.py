"""Records asked for by their ids: lists do not show everything that must be known.

In: ids. Out: the rows that are news; tombstones of records that the service no longer knows. Next: session.py keeps the
receipts.
"""

from dataclasses import replace

import pyarrow as pa

from logentic.client import Client
from logentic.errors import NotFound
from logentic.pages import read_record
from logentic.personal import Pseudonyms
from logentic.plain_rows import Parsing
from logentic.rejections import Rejections
from logentic.rows import Rows, read_rows
from logentic.schemas import Resource
from logentic.stored import Stored
from logentic.versions import find_news, tombstones


class ById:
    """Asks for one record at a time, and compares it with what is stored."""

    def __init__(
        self,
        client: Client,
        stored: Stored,
        pseudonyms: Pseudonyms,
        rejections: Rejections,
        parsing: Parsing | None = None,
    ) -> None:
        self._client, self._stored, self._pseudonyms = client, stored, pseudonyms
        self._rejections = rejections
        self._parsing = parsing or Parsing()

    def news(self, resource: Resource, record_id: int) -> Rows:
        """The record, if it is new or differs from the stored one; `NotFound` where the service does not know it."""
        page = read_record(self._client, resource.path, record_id, resource.name)
        where = f"{resource.name}, id {record_id}"
        found = read_rows(resource, [page], self._pseudonyms, where, self._parsing)
        found = self._stored.fitted(found)
        self._rejections.note(resource, found)
        return find_news(resource, found, self._stored.latest(resource, [record_id], None)).rows

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


def with_records(rows: Rows, more: pa.Table) -> Rows:
    return replace(rows, records=pa.concat_tables([rows.records, more], promote_options="default"))
