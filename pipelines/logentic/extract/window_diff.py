"""One reading beside what is stored of its window."""

from collections.abc import Iterator

import pyarrow as pa

from logentic.extract.diff import find_news, in_memory
from logentic.extract.parsing import Rows
from logentic.extract.reader import Reading
from logentic.extract.stored_records import Stored, ids_of, scope_of
from logentic.resources import Resource


class Comparison:
    """`new`, `changed` and `missing` hold when the last part was seen."""

    def __init__(self, stored: Stored, resource: Resource, reading: Reading, *, may_be_stored: bool) -> None:
        self.new = self.changed = 0
        self.missing = resource.schema().empty_table()
        self._stored, self._resource, self._reading = stored, resource, reading
        self._may_be_stored = may_be_stored
        self._is_stored = False  # anything of it

    def parts(self) -> Iterator[tuple[Rows, Rows]]:
        """Rows as they were read, and those of them that are new or differ."""
        is_whole = self._reading.is_complete and not self._reading.shelf.is_in_parts
        for part in self._reading.parts():
            rows = self._stored.fitted(part)
            stored = self._what_is_stored(rows, is_whole=is_whole) if self._may_be_stored else None
            news = find_news(self._resource, rows, stored)
            self.new += news.new
            self.changed += news.changed
            self._is_stored |= stored is not None
            if is_whole:
                self.missing = self._in_scope(news.missing)
            yield rows, news.rows
        if self._may_be_stored and self._reading.is_complete and not is_whole:
            self.missing = self._missing_of_parts()

    @property
    def agrees(self) -> bool:
        return self._is_stored and not self.new + self.changed + len(self.missing)

    def _what_is_stored(self, rows: Rows, *, is_whole: bool) -> Rows | None:
        """The latest version of what was read; of a whole window, also of what should have been."""
        if self._resource.day_in_key:
            ids = None if is_whole else ids_of(rows.records)
            return self._stored.days(self._resource, self._reading.window, rows, ids)
        scope = scope_of(self._reading.window) if is_whole else None
        return self._stored.latest(self._resource, ids_of(rows.records), scope)

    def _missing_of_parts(self) -> pa.Table:
        """By their keys first: only what is missing is fetched."""
        scope = scope_of(self._reading.window)
        keys = self._stored.keys(self._resource, scope) if scope else None
        if keys is None or not len(lacking := self._lacking(keys)):
            return self.missing
        stored = self._stored.latest(self._resource, lacking["id"].unique().to_pylist(), None)
        return self._lacking(self._in_scope(stored.records)) if stored else self.missing

    def _lacking(self, stored: pa.Table) -> pa.Table:
        """Without the records that were read."""
        same_key = " and ".join(f"r.{name} is not distinct from s.{name}" for name in self._resource.key)
        with in_memory(self._resource.name) as memory:
            memory.register("stored", stored)
            memory.register("read", self._reading.shelf.keys())
            query = f"select * from stored as s where not exists (select 1 from read as r where {same_key})"
            return memory.sql(query).to_arrow_table()

    def _in_scope(self, stored: pa.Table) -> pa.Table:
        """Those that should have been in the window: their latest version still lies in it."""
        scope = scope_of(self._reading.window)
        if not len(stored) or scope is None:
            return stored.slice(0, 0)
        with in_memory(self._resource.name) as memory:
            memory.register("stored", stored)
            return memory.sql(f"select * from stored where not _is_removed and {scope}").to_arrow_table()
