"""Find what a reading changes: records that are new, changed or missing compared with their stored versions."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from logentic.errors import StateError, first_line
from logentic.extract.parsing import Rows
from logentic.extract.reader import Reading
from logentic.extract.stored_records import Stored, ids_of, scope_of
from logentic.resources import IS_REMOVED, MOMENT, TEXT, Resource

LEAST_MEMORY = "200MB"
BOOKKEEPING = {"_seen_at", "_is_removed", "_dlt_load_id", "_dlt_id", "_version"}


@dataclass(frozen=True)
class Changes:
    """`rows` are new and changed records, with their lines."""

    rows: Rows
    new: int
    changed: int
    missing: pa.Table  # stored records that were not read


def find_changes(resource: Resource, fresh: Rows, stored: Rows | None) -> Changes:
    """Compare each record, with its lines, to the stored version of the same key."""
    if stored is None:
        return Changes(fresh, len(fresh.records), 0, fresh.records.slice(0, 0))
    with in_memory(resource.name) as memory:
        line_columns = sorted({name for rows in (stored, fresh) if rows.lines for name in rows.lines.column_names})
        known = _register_comparable(memory, "stored", resource, stored, line_columns)
        asked = _register_comparable(memory, "fresh", resource, fresh, line_columns)
        same_key = " and ".join(f"f.{name} is not distinct from s.{name}" for name in resource.key)
        differs = " or ".join(
            f"{_column_of('f', name, asked)} is distinct from {_column_of('s', name, known)}"
            for name in sorted(asked | known)
        )
        differing = memory.sql(
            f"select f._place, s._place is null as is_new, s._seen_at as before"
            f" from fresh as f left join stored as s on {same_key}"
            f" where s._place is null or s._is_removed or {differs or 'false'} order by f._place"
        ).to_arrow_table()
        missing = memory.sql(
            f"select s._place from stored as s where not s._is_removed"
            f" and not exists (select 1 from fresh as f where {same_key}) order by 1"
        ).to_arrow_table()
    mask = pc.is_in(pa.arange(0, len(fresh.records)), differing["_place"].combine_chunks())
    new = int(pc.sum(differing["is_new"].cast(pa.int64())).as_py() or 0)
    return Changes(
        rows=_dated_after(differing["before"], fresh.keep(mask), resource),
        new=new,
        changed=len(differing) - new,
        missing=stored.records.take(missing["_place"].combine_chunks()),
    )


class WindowDiff:
    """Compare one reading with the stored records of its window; the counts are final after the last part."""

    def __init__(self, stored: Stored, resource: Resource, reading: Reading, *, may_be_stored: bool) -> None:
        self.new = self.changed = 0
        self.missing = resource.schema().empty_table()
        self._stored, self._resource, self._reading = stored, resource, reading
        self._may_be_stored = may_be_stored
        self._is_stored = False  # any record of the resource

    def parts(self) -> Iterator[tuple[Rows, Rows]]:
        """Yield the rows of each part, and those of them that are new or changed."""
        is_in_one_part = self._reading.is_complete and not self._reading.buffer.is_in_parts
        for rows in self._reading.parts():
            stored = self._stored_versions(rows, is_in_one_part=is_in_one_part) if self._may_be_stored else None
            changes = find_changes(self._resource, rows, stored)
            self.new += changes.new
            self.changed += changes.changed
            self._is_stored |= stored is not None
            if is_in_one_part:
                self.missing = self._in_scope(changes.missing)
            yield rows, changes.rows
        if self._may_be_stored and self._reading.is_complete and not is_in_one_part:
            self.missing = self._missing_keys_first()

    @property
    def agrees(self) -> bool:
        return self._is_stored and not self.new + self.changed + len(self.missing)

    def _stored_versions(self, rows: Rows, *, is_in_one_part: bool) -> Rows | None:
        """Return the latest versions of the rows; for a whole window, also those of stored records that it lacks."""
        if self._resource.day_in_key:
            ids = None if is_in_one_part else ids_of(rows.records)
            return self._stored.days(self._resource, self._reading.window, rows, ids)
        scope = scope_of(self._reading.window) if is_in_one_part else None
        return self._stored.latest(self._resource, ids_of(rows.records), scope)

    def _missing_keys_first(self) -> pa.Table:
        """Compare the keys first, so that only missing records are fetched."""
        scope = scope_of(self._reading.window)
        keys = self._stored.keys(self._resource, scope) if scope else None
        if keys is None or not len(lacking := self._without_read(keys)):
            return self.missing
        stored = self._stored.latest(self._resource, lacking["id"].unique().to_pylist(), None)
        return self._without_read(self._in_scope(stored.records)) if stored else self.missing

    def _without_read(self, stored: pa.Table) -> pa.Table:
        """Return the stored records that were not read."""
        same_key = " and ".join(f"r.{name} is not distinct from s.{name}" for name in self._resource.key)
        with in_memory(self._resource.name) as memory:
            memory.register("stored", stored)
            memory.register("read", self._reading.buffer.keys())
            query = f"select * from stored as s where not exists (select 1 from read as r where {same_key})"
            return memory.sql(query).to_arrow_table()

    def _in_scope(self, stored: pa.Table) -> pa.Table:
        """Return the records whose latest version lies in the window."""
        scope = scope_of(self._reading.window)
        if not len(stored) or scope is None:
            return stored.slice(0, 0)
        with in_memory(self._resource.name) as memory:
            memory.register("stored", stored)
            return memory.sql(f"select * from stored where not _is_removed and {scope}").to_arrow_table()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1, "memory_limit": LEAST_MEMORY})


def allow_memory(limit: str) -> None:
    """Let comparisons use the memory limit of loading, if it exceeds `LEAST_MEMORY`."""
    with _database().cursor() as memory:
        size = _bytes_of(limit)
        chosen = LEAST_MEMORY if size is not None and size < (_bytes_of(LEAST_MEMORY) or 0) else limit
        with suppress(duckdb.Error):  # the setting is checked where it is read
            memory.execute("set memory_limit = ?", [chosen])


def _bytes_of(limit: str) -> float | None:
    """Return the size that a memory limit such as 64MB or 1.5 GiB names; None for another, such as 80%.

    DuckDB 2.0 parses it by `parse_formatted_bytes`, which DuckDB 1.4 lacks.
    """
    found = re.fullmatch(r"\s*([\d.]+)\s*(?:(bytes?|b)|([kmgt])(i?)b?)\s*", limit, re.IGNORECASE)
    if not found or found[1].count(".") > 1 or found[1] == ".":
        return None
    power = "kmgt".index(found[3].lower()) + 1 if found[3] else 0
    return float(found[1]) * float(1024 if found[4] else 1000) ** power


@contextmanager
def in_memory(where: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory connection for comparing Arrow tables; its tables are temporary and private."""
    with _database().cursor() as memory:
        memory.execute("set TimeZone = 'UTC'")
        try:
            yield memory
        except duckdb.OutOfMemoryException as error:
            message = f"{where}: rows could not be compared: {first_line(error)}"
            raise StateError(message, "Raise LOGENTIC_LOAD_MEMORY.") from None


def tombstones(missing: pa.Table, fresh: pa.Table, at: datetime) -> pa.Table:
    """Return tombstones of missing records: their latest version, marked as removed, with the columns of `fresh`
    first.
    """
    columns = {
        name: missing[name].cast(kind) if name in missing.column_names else pa.nulls(len(missing), kind)
        for name, kind in zip(fresh.schema.names, fresh.schema.types, strict=True)
    }
    own = sorted(set(missing.column_names) - BOOKKEEPING - set(columns))
    gone = pa.table(columns | {name: missing[name].cast(TEXT) for name in own})
    seen = _latest_time(pa.repeat(pa.scalar(at, MOMENT), len(gone)), missing["_seen_at"])
    gone = gone.set_column(gone.schema.get_field_index("_seen_at"), "_seen_at", seen)
    return gone.set_column(
        gone.schema.get_field_index(IS_REMOVED.name), IS_REMOVED, pa.repeat(pa.scalar(True), len(gone))
    )


def _dated_after(before: pa.ChunkedArray, rows: Rows, resource: Resource) -> Rows:
    """Date rows later than the versions that they replace, even if the service's clock was set back or stood still."""
    records, lines = rows.records, rows.lines
    seen = _latest_time(records["_seen_at"], before)
    records = records.set_column(records.schema.get_field_index("_seen_at"), "_seen_at", seen)
    if lines is not None and resource.lines:
        seen = seen.take(pc.index_in(lines[resource.lines.parent], records["id"].combine_chunks()))
        lines = lines.set_column(lines.schema.get_field_index("_seen_at"), "_seen_at", seen)
    return Rows(records, lines, rows.read)


def _latest_time(seen: pa.ChunkedArray, before: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the later of `seen` and one microsecond after `before`."""
    least = pc.add(before.cast(MOMENT), pa.scalar(1, pa.duration("us")))
    return pc.if_else(pc.fill_null(pc.greater(least, seen), False), least, seen)


def _register_comparable(
    memory: duckdb.DuckDBPyConnection, name: str, resource: Resource, rows: Rows, line_columns: list[str]
) -> set[str]:
    """Register the records, numbered and with their lines as one value; return the columns to compare."""
    compared = {
        column for column in rows.records.column_names if column not in BOOKKEEPING and column not in resource.key
    }
    records = rows.records.append_column("_place", pa.arange(0, len(rows.records)))
    memory.register(f"{name}_records", records)
    if rows.lines is None or not resource.lines:
        memory.execute(f"create temp view {name} as from {name}_records")
        return compared
    parent = resource.lines.parent
    values = ", ".join(
        # Add columns that only the other side has, as null: structs of different shapes never compare equal.
        f'"{column}" := ' + (f'"{column}"::varchar' if column in rows.lines.column_names else "null::varchar")
        for column in line_columns
        if column not in BOOKKEEPING | {parent, "line_number"}
    )
    memory.register(f"{name}_lines", rows.lines)
    memory.execute(
        f"create temp table {name} as select r.*, l._lines from {name}_records as r left join (select {parent},"
        f" _seen_at, list_sort(list(distinct struct_pack(n := line_number, {values})))::varchar as _lines"
        f" from {name}_lines group by all) as l on l.{parent} = r.id and l._seen_at = r._seen_at"
    )
    return compared | {"_lines"}


def _column_of(side: str, column: str, columns: set[str]) -> str:
    return f'{side}."{column}"' if column in columns else "null"
