"""Track values that could not be read: which of them are new, and which can be read now.

`Rejections` belongs to one session. It compares the rejected values of each reading with the open entries of
`rejected_values`, and collects the rows to append: a new or changed entry, or the end of one.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from logentic.extract.diff import in_memory
from logentic.extract.parsing import NO_KEY, Rows, row_keys
from logentic.resources import MOMENT, REJECTED_VALUES, TEXT, Resource

EACH_ONCE = "select * from found qualify row_number() over (partition by key, field order by _seen_at desc) = 1"
# The versions of an entry have increasing times, even if the service's clock is set back.
NEW_OR_CHANGED = """
select f.resource, f.key, f.field, f.text, f.reason,
    greatest(f._seen_at, o._seen_at + interval 1 microsecond) as _seen_at, false as _is_removed
from found as f left join open as o on f.key = o.key and f.field = o.field
where o.key is null or f.text is distinct from o.text or f.reason is distinct from o.reason
"""
READABLE_NOW = """
select o.resource, o.key, o.field, o.text, o.reason,
    greatest(r._seen_at, o._seen_at + interval 1 microsecond) as _seen_at, true as _is_removed
from open as o inner join (select key, max(_seen_at) as _seen_at from read group by key) as r on r.key = o.key
where not exists (select 1 from found as f where f.key = o.key and f.field = o.field)
"""
NOT_CHANGED = """
select o.* from open as o
where not exists (select 1 from changed as n where n.resource = o.resource and n.key = o.key and n.field = o.field)
"""


class Rejections:
    """The open entries of one account (`Stored.open_rejections`), and the rows that a session adds to their log."""

    def __init__(self, open_entries: pa.Table) -> None:
        self._open = open_entries
        self._rows: list[pa.Table] = []
        # keys of entries for rows without a readable key that were read in this session
        self._dropped: dict[str, set[str]] = {}

    @property
    def have_rows(self) -> bool:
        """Return whether there are rows to append."""
        return bool(self._rows)

    def take(self) -> Iterator[pa.Table]:
        """Return the rows to append, each once."""
        while self._rows:
            yield self._rows.pop(0)

    def note(self, resource: Resource, rows: Rows) -> None:
        """Compare the values that could not be read in these rows with the open entries of the same records.

        An entry ends when its record is read again and the field can be read, or when the record is gone.
        """
        found, known = _found(rows), self._of(resource)
        if not len(found) and not len(known):
            return
        dropped = found["key"].filter(pc.starts_with(found["key"], NO_KEY))
        self._dropped.setdefault(resource.name, set()).update(dropped.to_pylist())
        read = pa.table({"key": row_keys(resource, rows.records), "_seen_at": rows.records["_seen_at"]})
        self._append(
            _query(NEW_OR_CHANGED, found=found, open=known), _query(READABLE_NOW, found=found, open=known, read=read)
        )

    def has_dropped_rows(self, resource: Resource) -> bool:
        """Return whether there is an open entry for a row without a readable key."""
        return bool(len(self._of_dropped_rows(resource)))

    def end_dropped_rows(self, resource: Resource, at: datetime) -> None:
        """End the entries of rows without a readable key that this session did not read again.

        The caller makes sure that every window of the resource is complete.
        """
        known = self._of_dropped_rows(resource)
        read_again = pa.array(sorted(self._dropped.get(resource.name, ())), TEXT)
        gone = known.filter(pc.invert(pc.is_in(known["key"], read_again)))
        read = pa.table({"key": gone["key"], "_seen_at": pa.repeat(pa.scalar(at, MOMENT), len(gone))})
        self._append(_query(READABLE_NOW, found=gone.slice(0, 0), open=gone, read=read))

    def _of(self, resource: Resource) -> pa.Table:
        return self._open.filter(pc.equal(self._open["resource"], resource.name)) if len(self._open) else self._open

    def _of_dropped_rows(self, resource: Resource) -> pa.Table:
        known = self._of(resource)
        return known.filter(pc.starts_with(known["key"], NO_KEY))

    def _append(self, *tables: pa.Table) -> None:
        changed = pa.concat_tables(tables)
        if not len(changed):
            return
        self._rows.append(changed)
        kept = _query(NOT_CHANGED, open=self._open, changed=changed)
        self._open = pa.concat_tables([kept, changed.filter(pc.invert(changed["_is_removed"]))])


def _found(rows: Rows) -> pa.Table:
    """Return the rejected values of rows, each entry once."""
    if rows.rejected is None or not len(rows.rejected):
        return REJECTED_VALUES.empty_table()
    return _query(EACH_ONCE, found=rows.rejected)


def _query(sql: str, **tables: Any) -> pa.Table:
    with in_memory("values that could not be read") as memory:
        for name, table in tables.items():
            memory.register(name, table)
        return memory.sql(sql).to_arrow_table().select(REJECTED_VALUES.names).cast(REJECTED_VALUES)
