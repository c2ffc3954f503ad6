"""Count the current records of one resource in the published file, by day, and list their keys."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from logentic.extract.stored_records import receipt_of
from logentic.extract.windows import Receipt, Span, Window, joined, without
from logentic.resources import Resource

Key = tuple[Any, ...]
COMPLETE = "_dlt_load_id in (select load_id from logentic_raw._dlt_loads where status = 0)"


@dataclass(frozen=True)
class Calendar:
    """The zone of days, and whether a moment on a bound belongs to the day before it."""

    timezone: str = "UTC"
    is_start_excluded: bool = False


class StoredCounts:
    """The current records of a resource by the moment or day of its filter; null if they have none."""

    def __init__(self, published: duckdb.DuckDBPyConnection, resource: Resource, read: list[Receipt]) -> None:
        """`read`: the receipts of the resource's windows."""
        self._published, self._resource = published, resource
        self._key = ", ".join(resource.counted_by)
        self._table = f"temp.current_{resource.name}"
        self.spans: list[Span] = [receipt.span for receipt in read if receipt.is_complete]  # complete readings
        # Windows whose total never agreed with their rows and that no complete reading covers.
        self.accepted = without(joined(receipt.span for receipt in read if receipt.is_accepted), self.spans)
        covered = [receipt for receipt in read if receipt.is_covered]
        self.read_until = max((min(receipt.span[1], receipt.finished_at) for receipt in covered), default=None)

    @classmethod
    def open(cls, published: duckdb.DuckDBPyConnection, resource: Resource) -> "StoredCounts":
        """Write the current records into a temporary table, and read the receipts."""
        key, at = ", ".join(resource.counted_by), resource.window.column or "null"
        newest = ["_seen_at", *(name for name in resource.key if name not in resource.counted_by), "_dlt_load_id"]
        published.execute(
            f"create or replace temp table current_{resource.name} as select {key}, {at} as moment from ("
            f" select *, row_number() over (partition by {key}"
            f" order by {', '.join(f'{name} desc' for name in newest)}) as version"
            f" from logentic_raw.{resource.name} where {COMPLETE}) where version = 1 and not _is_removed"
        )
        # select *, because tables of earlier versions lack some columns.
        cursor = published.execute(
            f"select * from logentic_raw.extract_windows where {COMPLETE} and resource = ? and filter = ?",
            [resource.name, resource.window.name],
        )
        names = [column[0] for column in cursor.description or ()]
        return cls(published, resource, [receipt_of(dict(zip(names, row, strict=True))) for row in cursor.fetchall()])

    def count_all(self) -> int:
        return self._count(f"select count(*) from {self._table}")

    def count_undated(self) -> int:
        return self._count(f"select count(*) from {self._table} where moment is null")

    def first_day(self) -> date | None:
        found = self._published.execute(f"select min(moment)::date from {self._table}").fetchone()
        return found[0] if found else None

    def count_by_day(self, calendar: Calendar, moved: dict[int, datetime]) -> dict[date, int]:
        """Return the number of records of each day; `moved` gives records, by id, a moment other than FILE's."""
        moment = "timezone($zone, moment)" if self._resource.has_local_days else "moment"
        if calendar.is_start_excluded:
            moment += " - interval 1 " + ("microsecond" if self._resource.window.is_exact else "day")
        counted = (
            f"select ({moment})::date, count(*) from ("
            f" select moment from {self._table} where id not in (select unnest($ids::bigint[]))"
            " union all select unnest($moments::timestamptz[])) group by 1"
        )
        zone = {"zone": calendar.timezone} if "$zone" in moment else {}
        parameters = {"ids": list(moved), "moments": list(moved.values()), **zone}
        return dict(self._published.execute(counted, parameters).fetchall())

    def keys(self, window: Window | None) -> dict[Key, date | None]:
        """Return the keys of all records, or of those in the window, each with its day (UTC)."""
        listed = f"select {self._key}, moment::date from {self._table}"
        if window is None:
            rows = self._published.execute(listed).fetchall()
        else:
            within = f"{listed} where moment >= ? and moment < ?"
            rows = self._published.execute(within, [window.start, window.end]).fetchall()
        return {tuple(key): day for *key, day in rows}

    def _count(self, query: str) -> int:
        found = self._published.execute(query).fetchone()
        return int(found[0]) if found else 0


def count_days(window: Window, by_day: dict[date, int]) -> int:
    """Return the number of records on the days of a window; without a lower bound all before its end."""
    first = window.start.date()
    last = (window.end - timedelta(microseconds=1)).date()
    return sum(count for day, count in by_day.items() if first <= day <= last)
