"""Query the stored records: receipts of complete loads, and the latest versions of records."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from logentic.extra_columns import MORE_FIELDS
from logentic.extract.parsing import Rows
from logentic.extract.windows import MOVED, NOT_FOUND, Edge, Receipt, Window
from logentic.resources import (
    INTEGER,
    ITEM_COLUMNS,
    ORDER_EVENTS,
    RAW_KEYS,
    RECEIPTS,
    REJECTED_VALUES,
    RESOURCES,
    Absence,
    Resource,
)

LONGEST_LIST = 200
# The columns that `receipt_of` reads.
OF_RECEIPTS = [name for name in RECEIPTS.names if name not in {"rows_read", "rows_removed", "bytes", "started_at"}]


class _Qualified(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f'logentic_raw."{name}"'


QUALIFIED = _Qualified()  # the raw tables by qualified name, in a database with schemas


class Query(Protocol):
    """Run a query in which {name} is replaced by a raw table; return None if a table is missing."""

    @abstractmethod
    def __call__(self, sql: str) -> pa.Table | None: ...

    def close(self) -> None:
        """Close the database, so that dlt can write it."""
        return

    @property
    def holds_nul(self) -> bool:
        """Return whether U+0000 within a text can be stored."""
        return True


class Stored:
    """Query the stored records. A table that does not exist yet reads as empty."""

    def __init__(self, query: Query) -> None:
        self._query = query

    def receipts(self) -> list[Receipt]:
        """Return receipts of complete loads (status 0 in _dlt_loads), oldest first.

        Receipts of a resource whose tables were dropped are left out: it is read from the beginning.
        """
        # All columns, because tables of earlier versions lack some.
        table = self._query(
            "select * from {extract_windows} where _dlt_load_id in"
            " (select load_id from {_dlt_loads} where status = 0) order by finished_at, _dlt_load_id"
        )
        read = table.select([name for name in OF_RECEIPTS if name in table.column_names]) if table else None
        found = [receipt_of(row) for row in (read.to_pylist() if read else [])]
        dropped = {name for name in {receipt.resource for receipt in found} if not self._has_tables(name)}
        return [receipt for receipt in found if receipt.resource not in dropped]

    def latest_load_finished_at(self) -> datetime | None:
        """Return the service's time of the last receipt of the latest complete load."""
        table = self._query(
            "select max(finished_at) as finished_at from {extract_windows} where _dlt_load_id ="
            " (select max(load_id) from {_dlt_loads} where status = 0)"
        )
        found = table["finished_at"][0].as_py() if table and len(table) else None
        return found and _utc(found)

    def loads(self) -> list[str]:
        """Return the ids of complete loads, oldest first."""
        table = self._query("select load_id from {_dlt_loads} where status = 0 order by load_id")
        return [str(load_id) for load_id in table["load_id"].to_pylist()] if table else []

    def has_orphans(self) -> bool:
        """Return whether there are rows of an incomplete load."""
        loads = "_dlt_load_id not in (select load_id from {_dlt_loads} where status = 0)"
        found = (self._query(f"select 1 from {{{table}}} where {loads} limit 1") for table in RAW_KEYS)
        return any(table is not None and len(table) for table in found)

    def lacks_columns(self) -> bool:
        """Return whether a raw table of an earlier version lacks a column that is written now."""
        written = {resource.name: resource.schema() for resource in RESOURCES.values()}
        written |= {"extract_windows": RECEIPTS, "order_events": ORDER_EVENTS}
        found = {name: self._query(f"select * from {{{name}}} limit 0") for name in written}
        there = {name: set(table.column_names) for name, table in found.items() if table is not None}
        return any(set(written[name].names) - columns for name, columns in there.items())

    def extra_columns(self) -> dict[str, set[str]]:
        """Return the columns of each raw table for fields that the reference does not name."""
        known = {resource.name: set(resource.schema().names) for resource in RESOURCES.values()}
        known |= {each.lines.table: set(each.lines.schema().names) for each in RESOURCES.values() if each.lines}
        found = {table: self._query(f"select * from {{{table}}} limit 1") for table in known}
        return {
            table: {name for name in rows.column_names if name not in known[table] and not name.startswith("_dlt_")}
            - {MORE_FIELDS}
            for table, rows in found.items()
            if rows is not None
        }

    def has_rows_without_receipt(self, name: str) -> bool:
        """Return whether a load wrote rows of a resource without a receipt."""
        found = self._query(
            f"select count(*) as rows from (select 1 from {{{name}}} where _dlt_load_id not in (select _dlt_load_id"
            f" from {{extract_windows}} where resource = '{name}') limit 1) as found"
        )
        return found is not None and found["rows"][0].as_py() > 0

    def unknown_items(self, ids: Iterable[int]) -> set[int]:
        """Return the item ids that no stored row of any resource names."""
        unknown = set(ids)
        for table, column in ITEM_COLUMNS.items():
            if unknown:
                known = self._query(f"select distinct {column} as id from {{{table}}} where {_among(column, unknown)}")
                unknown -= set(known["id"].to_pylist()) if known else set()
        return unknown

    def named_orders(self) -> set[int]:
        """Return the ids of orders that charges name and that are not stored."""
        table = self._query(
            "select distinct order_id from {payment_items} as charges where order_id is not null"
            " and not exists (select 1 from {orders} as orders where orders.id = charges.order_id)"
        )
        return set(table["order_id"].to_pylist()) if table else set()

    def unsettled(self, resource: Resource) -> dict[int, date | None]:
        """Return the first day of each record that was not settled (billed) when it was last seen, by id."""
        if not resource.settled:
            return {}
        table = self._query(
            f"select id, {resource.window.column} as first_day from ("
            + _latest(f"{{{resource.name}}}", ["id"], "true")
            + f") as latest where {resource.settled.column} is null and not _is_removed"
        )
        return {row["id"]: row["first_day"] for row in (table.to_pylist() if table else [])}

    def latest(self, resource: Resource, ids: Sequence[int], scope: str | None) -> Rows | None:
        """Return the latest version of each record that has one of these ids, or that is, or was, in `scope`."""
        wanted = []
        if len(ids):
            wanted.append(_among("id", ids))
        if scope:
            wanted.append(f"id in (select id from {{{resource.name}}} where {scope})")
        return self._latest(resource, " or ".join(wanted)) if wanted else None

    def days(self, resource: Resource, window: Window, rows: Rows, ids: Sequence[int] | None = None) -> Rows | None:
        """Return the latest version of each record, or of these, on the days of a window and of rows; its key has a
        day.
        """
        day = resource.day_in_key
        bounds = pc.min_max(rows.records[day]).as_py().values()
        days = sorted({window.start.date(), window.end.date(), *bounds} - {None})
        among = "" if ids is None else f" and {_among('id', ids)}"
        until = "" if window.after is Edge.OPEN else f" and {day} <= date '{days[-1]}'"
        return self._latest(resource, f"{day} >= date '{days[0]}'{until}{among}")

    def keys(self, resource: Resource, scope: str) -> pa.Table | None:
        """Return the keys of the records whose latest version is in `scope`."""
        where = scope if resource.day_in_key else f"id in (select id from {{{resource.name}}} where {scope})"
        latest = _latest(f"{{{resource.name}}}", resource.key, where)
        return self._query(
            f"select {', '.join(resource.key)} from ({latest}) as latest where not _is_removed and {scope}"
        )

    def undated_orders(self) -> list[int]:
        """Return orders whose latest version has no time of its last change."""
        latest = _latest("{orders}", ["id"], "true")
        table = self._query(f"select id from ({latest}) as latest where updated_at is null and not _is_removed")
        return ids_of(table) if table else []

    def dated_ahead(self, resource: Resource, now: datetime) -> pa.Table | None:
        """Return the records that are dated after `now` in the version that was seen last."""
        table = f"{{{resource.name}}}"
        ahead = f"{resource.window.column} > timestamptz '{now:%Y-%m-%d %H:%M:%S}+00'"
        latest = _latest(table, ["id"], f"id in (select id from {table} where {ahead})")
        return self._query(f"select * from ({latest}) as latest where {ahead} and not _is_removed")

    def events(self, since: datetime | None, *, also_dead: bool) -> list[dict[str, Any]]:
        """Return the latest row of each event that is waiting or dead, or that was received `since` or later."""
        wanted = ["outcome = 'waiting'"]
        if also_dead:
            wanted.append("outcome = 'dead'")
        if since:
            wanted.append(f"received_at >= timestamptz '{since:%Y-%m-%d %H:%M:%S.%f}+00'")
        latest = "row_number() over (partition by event_id order by _seen_at desc, attempts desc) as _version"
        table = self._query(
            f"select * from (select *, {latest} from {{order_events}}) as versions"
            f" where _version = 1 and ({' or '.join(wanted)})"
        )
        return list(table.to_pylist()) if table else []

    def open_rejections(self) -> pa.Table:
        """Return the latest version of each value that still cannot be read."""
        latest = _latest("{rejected_values}", ("resource", "key", "field"), "true")
        table = self._query(f"select * from ({latest}) as latest where not _is_removed")
        return (
            REJECTED_VALUES.empty_table()
            if table is None
            else table.select(REJECTED_VALUES.names).cast(REJECTED_VALUES)
        )

    def lacks_a_table(self) -> bool:
        """Return whether a raw table is missing, as in a database of an earlier version."""
        return any(self._query(f"select 1 from {{{table}}} limit 0") is None for table in RAW_KEYS)

    def close(self) -> None:
        """Close the database, so that dlt can write it."""
        self._query.close()

    @property
    def holds_nul(self) -> bool:
        """Return whether the destination can store U+0000 within a text."""
        return self._query.holds_nul

    def _has_tables(self, name: str) -> bool:
        resource = RESOURCES.get(name)
        tables = [name, *([resource.lines.table] if resource and resource.lines else [])]
        count = "select count(*) as rows from (select 1 from {{{}}} limit 1) as found"
        return all(self._query(count.format(table)) is not None for table in tables)

    def _latest(self, resource: Resource, where: str) -> Rows | None:
        records = self._query(_latest(f"{{{resource.name}}}", resource.key, where))
        if records is None or not len(records):
            return None
        lines = None
        if resource.lines:
            found = _among(resource.lines.parent, records["id"].to_pylist())
            lines = self._query(f"select * from {{{resource.lines.table}}} where {found}")
        return Rows(records, lines)


def receipt_of(row: dict[str, Any]) -> Receipt:
    """Return a row of extract_windows as a `Receipt`."""
    return Receipt(
        window_id=row["window_id"],
        resource=row["resource"],
        filter=row["filter"],
        span=(_utc(row["window_start"]), _utc(row["window_end"])),
        finished_at=_utc(row["finished_at"]),
        is_complete=row["is_complete"],
        is_confirmed=row["is_confirmed"],
        pages=row["requests"],
        run_id=row["run_id"],
        is_accepted=bool(row.get("is_accepted")),
        is_steady=not (row.get("reason") or "").startswith((MOVED, NOT_FOUND)),
        difference=(row.get("total_announced") or 0) - (row.get("distinct_keys") or 0),
        has_changes=bool((row.get("rows_new") or 0) + (row.get("rows_changed") or 0)),
    )


def scope_of(window: Window) -> str | None:
    """Return the SQL condition for stored records that the window must contain; None if they may leave it.

    An open edge includes everything beyond it, so that a record with an absurd date is noticed as missing as well.
    """
    resource, kind = RESOURCES[window.resource], window.kind
    if resource.absence is Absence.NORMAL:
        return None
    if not kind.columns:
        return "true"
    form = "timestamptz '%Y-%m-%d %H:%M:%S+00'" if resource.has_moments(kind) else "date '%Y-%m-%d'"
    bounds = []
    if window.before is not Edge.OPEN or kind.is_required:  # the query always has its first day
        bounds.append(f">= {window.start.strftime(form)}")
    if window.after is not Edge.OPEN:
        bounds.append(f"< {window.end.strftime(form)}")
    return " and ".join(f'"{name}" {bound}' for name in kind.columns for bound in bounds or ["is not null"])


def _latest(table: str, key: Sequence[str], where: str) -> str:
    return (
        "select * from (select *, row_number() over ("
        f"partition by {', '.join(key)} order by _seen_at desc, _dlt_load_id desc) as _version"
        f" from {table} where {where}) as versions where _version = 1"
    )


def _among(column: str, ids: Iterable[int]) -> str:
    """Return a condition that is true for these ids; for many ids it may be true for others between them."""
    wanted = sorted(set(ids))
    if len(wanted) > LONGEST_LIST and wanted[-1] - wanted[0] < 4 * len(wanted):
        return f"{column} between {wanted[0]} and {wanted[-1]}"
    return f"{column} in ({', '.join(map(str, wanted))})"


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def ids_of(records: pa.Table) -> list[int]:
    return [int(value) for value in records["id"].cast(INTEGER).unique().to_pylist()]
