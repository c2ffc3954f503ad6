"""What the destination already holds: receipts of complete loads, and the latest version of records.

In: a dlt pipeline. Out: `Receipt`s for the plan, and Arrow tables to compare a reading with. Reads only.
Next: versions.py, which compares.
"""

import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import dlt
import pyarrow as pa
from dlt.destinations.exceptions import DatabaseUndefinedRelation
from dlt.destinations.sql_client import SqlClientBase

from logentic.rows import Rows
from logentic.schemas import INTEGER, Resource
from logentic.windows import Receipt, Window

# How dlt 1.31 reads Arrow from DuckDB 2.0; nothing that a user could change.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")


class Stored:
    """The raw tables of one pipeline. A table that does not exist yet reads as empty."""

    def __init__(self, pipeline: dlt.Pipeline) -> None:
        self._pipeline = pipeline
        self._exists = bool(pipeline.default_schema_name) and pipeline.first_run is False

    def receipts(self) -> list[Receipt]:
        """The receipts whose load is complete (its id stands in _dlt_loads with status 0), oldest first."""
        table = self._query(
            "select resource, filter, window_start, window_end, finished_at, is_complete, is_confirmed, run_id"
            " from {extract_windows} where _dlt_load_id in (select load_id from {_dlt_loads} where status = 0)"
            " order by finished_at"
        )
        return [
            Receipt(
                resource=row["resource"],
                filter=row["filter"],
                span=(_utc(row["window_start"]), _utc(row["window_end"])),
                finished_at=_utc(row["finished_at"]),
                is_complete=row["is_complete"],
                is_confirmed=row["is_confirmed"],
                run_id=row["run_id"],
            )
            for row in (table.to_pylist() if table else [])
        ]

    def unbilled(self) -> list[tuple[int, date | None]]:
        """(id, first day) of each charge that was not billed when it was last seen."""
        table = self._query(
            "select id, start from (" + _latest("{payment_items}", ["id"], "true") + ") as latest"
            " where billed_date is null and not _is_removed"
        )
        return [(row["id"], row["start"]) for row in (table.to_pylist() if table else [])]

    def latest(self, resource: Resource, ids: Sequence[int], scope: str | None) -> Rows | None:
        """The latest version of each record with one of these ids, or that lies, or once lay, in `scope`."""
        wanted = []
        if ids:
            wanted.append(f"id in ({', '.join(map(str, ids))})")
        if scope:
            wanted.append(
                scope if "date" in resource.key else f"id in (select id from {{{resource.name}}} where {scope})"
            )
        if not wanted:
            return None
        records = self._query(_latest(f"{{{resource.name}}}", resource.key, " or ".join(wanted)))
        if records is None or not len(records):
            return None
        lines = None
        if resource.lines:
            found = ", ".join(map(str, records["id"].to_pylist()))
            lines = self._query(f"select * from {{{resource.lines.table}}} where {resource.lines.parent} in ({found})")
        return Rows(records, lines)

    def _query(self, sql: str) -> pa.Table | None:
        """Run a query in which {name} stands for a raw table; None where a table is missing."""
        if not self._exists:
            return None
        with self._pipeline.sql_client() as client:
            names = _Tables(client)
            try:
                with client.execute_query(sql.format_map(names)) as cursor:
                    # In chunks: dlt 1.31 asks DuckDB 2.0 for a whole table by a name that is gone.
                    chunks = list(cursor.iter_arrow(chunk_size=100_000))
                    return pa.concat_tables(chunks) if chunks else None
            except DatabaseUndefinedRelation:
                return None


class _Tables(dict[str, str]):
    def __init__(self, client: SqlClientBase[Any]) -> None:
        self._client = client

    def __missing__(self, name: str) -> str:
        return str(self._client.make_qualified_table_name(name))


def scope_of(window: Window) -> str | None:
    """The condition by which a stored record would have to be in the window; None where leaving it is no news."""
    start, end = f"date '{window.start:%Y-%m-%d}'", f"date '{window.end:%Y-%m-%d}'"
    return {
        "date": f"date >= {start} and date < {end}",
        "payment_date": f'start >= {start} and start < {end} and "end" >= {start} and "end" < {end}',
        "billed_date": f"billed_date >= {start} and billed_date < {end}",
        "snapshot": "true",
    }.get(window.filter)


def _latest(table: str, key: Sequence[str], where: str) -> str:
    return (
        "select * from (select *, row_number() over ("
        f"partition by {', '.join(key)} order by _seen_at desc, _dlt_load_id desc) as _version"
        f" from {table} where {where}) as versions where _version = 1"
    )


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def ids_of(rows: Rows) -> list[int]:
    return [int(value) for value in rows.records["id"].cast(INTEGER).unique().to_pylist()]
