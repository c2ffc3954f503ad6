"""Pseudonymize clear values that earlier versions loaded: fields of orders and event bodies that are pseudonymized
today.

`rewrite` leaves the raw tables as the parser would load them today, so that no order counts as changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
from pydantic import BaseModel

from logentic.atomic_write import replacing
from logentic.errors import StateError, first_line
from logentic.events.event import pseudonymize_body
from logentic.extra_columns import MORE_FIELDS
from logentic.extract.stored_records import Query, Stored
from logentic.json_text import compact, loads
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import ORDERS
from logentic.state import State

EVENTS, BODY = "order_events", "body"
NOTE, RULE = "privacy", 3  # RULE: version of the allow-list; a higher one triggers a new scan of each file


@dataclass(frozen=True)
class Column:
    table: str
    name: str

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"

    def pseudonymized(self, pseudonyms: Pseudonymizer, value: str) -> str:
        """Return the value as it would be loaded today; pseudonyms are kept."""
        if self.table == EVENTS:
            return pseudonymize_body(value, pseudonyms)
        return pseudonyms.pseudonymize_text(self.name, value, again=True) or ""

    def is_hidden(self, pseudonyms: Pseudonymizer) -> bool:
        """Return whether the field would have no column today, because its name may be personal."""
        return self.table != EVENTS and not pseudonyms.can_be_column(self.name)


def clear_columns(query: Query, pseudonyms: Pseudonymizer) -> list[Column]:
    """Return the columns of the raw tables that have a clear value."""
    return [column for column in _columns(Stored(query)) if _holds_clear_values(query, column, pseudonyms)]


class ClearColumns(BaseModel, extra="forbid"):
    """The columns with clear values, as of a load and the rules of that time; earlier versions wrote empty notes."""

    rule: int = 0
    load: str = ""
    fields: list[list[str]] = []
    columns: list[str] = []

    def is_current(self, query: Query, pseudonyms: Pseudonymizer) -> bool:
        """Return whether the note is about these tables, under the rules in force."""
        is_same_rule = (self.rule, self.fields) == (RULE, pseudonyms.chosen_fields())
        return is_same_rule and self.load in Stored(query).loads()


def read_clear_columns(state: State, query: Query, pseudonyms: Pseudonymizer) -> list[str]:
    """Return the columns with clear values; scan the tables once, then use a note."""
    note = state.read_note(NOTE, ClearColumns)
    if not note or not note.is_current(query, pseudonyms):
        note = write_clear_columns(state, query, pseudonyms)
    return note.columns if note else []


def write_clear_columns(state: State, query: Query, pseudonyms: Pseudonymizer) -> ClearColumns | None:
    """Write the note, and return it; there is none before the first load."""
    loads = Stored(query).loads()
    if not loads:
        return None
    columns = [str(column) for column in clear_columns(query, pseudonyms)]
    note = ClearColumns(rule=RULE, load=loads[-1], fields=pseudonyms.chosen_fields(), columns=columns)
    state.write_note(NOTE, note.model_dump())
    return note


def rewrite(work_file: Path, pseudonyms: Pseudonymizer, storage_version: str) -> dict[str, int]:
    """Pseudonymize clear values in the working database; return the number of distinct values of each column.

    The database is copied into a new file, because the old one keeps replaced values in its free blocks.
    """
    changed: dict[str, int] = {}
    try:
        with duckdb.connect(str(work_file)) as work:
            work.execute("begin")
            for schema, column in _columns_of(work):
                where = f'"{schema}"."{column.table}"'
                if column.is_hidden(pseudonyms):
                    if moved := _move_values(work, where, column, pseudonyms):
                        changed[str(column)] = moved
                    continue
                values = work.execute(f'select distinct "{column.name}" from {where}').fetchall()
                pairs = [(old, column.pseudonymized(pseudonyms, old)) for (old,) in values if old is not None]
                pairs = [(old, new) for old, new in pairs if old != new]
                if pairs:
                    work.execute("create or replace temp table _pseudonymized (old varchar, new varchar)")
                    work.executemany("insert into _pseudonymized values (?, ?)", pairs)
                    work.execute(
                        f'update {where} set "{column.name}" = new from _pseudonymized where "{column.name}" = old'
                    )
                    changed[str(column)] = max(len(pairs), changed.get(str(column), 0))
            work.execute("commit")
        if changed:
            _rewrite_file(work_file, storage_version)
    except duckdb.Error as error:
        raise StateError(f"{work_file} could not be rewritten: {first_line(error)}", "Run again.") from None
    return changed


def _move_values(work: duckdb.DuckDBPyConnection, where: str, column: Column, pseudonyms: Pseudonymizer) -> int:
    """Move the values of a column whose name may be personal into `_more_fields`; return the number of distinct ones.

    The column itself stays, empty: dlt's schema has it, and dlt would add it again.
    """
    work.execute(f'alter table {where} add column if not exists "{MORE_FIELDS}" varchar')
    found = work.execute(
        f'select distinct "{column.name}", "{MORE_FIELDS}" from {where} where "{column.name}" is not null'
    ).fetchall()
    if not found:
        return 0
    key = pseudonyms.more_key(column.name, column.name)
    rows = []
    for old, more in found:
        fields = {**loads((more or "{}").encode()), key: column.pseudonymized(pseudonyms, old)}
        rows.append((old, more, compact(fields, sort_keys=True)))
    work.execute("create or replace temp table _moved (old varchar, more varchar, new varchar)")
    work.executemany("insert into _moved values (?, ?, ?)", rows)
    work.execute(
        f'update {where} set "{MORE_FIELDS}" = new, "{column.name}" = null from _moved'
        f' where "{column.name}" = old and "{MORE_FIELDS}" is not distinct from more'
    )
    return len({old for old, _ in found})


def _columns(stored: Stored) -> Iterator[Column]:
    extra = stored.extra_columns()
    for table in (ORDERS.name, ORDERS.lines.table if ORDERS.lines else ""):
        yield from (Column(table, name) for name in sorted(extra.get(table, ())))
    yield Column(EVENTS, BODY)


def _columns_of(work: duckdb.DuckDBPyConnection) -> list[tuple[str, Column]]:
    """Return the columns to rewrite with their schemas; a table of events is also built by the models."""
    known = {
        ORDERS.name: {*ORDERS.schema().names},
        **({ORDERS.lines.table: {*ORDERS.lines.schema().names}} if ORDERS.lines else {}),
    }
    rows = work.execute(
        "select schema_name, table_name, column_name from duckdb_columns() where data_type = 'VARCHAR'"
        " and (schema_name, table_name) in (select (schema_name, table_name) from duckdb_tables() where not temporary)"
        " order by all"
    ).fetchall()
    return [
        (schema, Column(table, name))
        for schema, table, name in rows
        if (table == EVENTS and name == BODY)
        or (
            schema == "logentic_raw"
            and table in known
            and name not in known[table] | {MORE_FIELDS}
            and not name.startswith("_dlt_")
        )
    ]


def _holds_clear_values(query: Query, column: Column, pseudonyms: Pseudonymizer) -> bool:
    found = query(f'select distinct "{column.name}" as value from {{{column.table}}} where "{column.name}" is not null')
    values = found["value"].to_pylist() if found else []
    return (bool(values) and column.is_hidden(pseudonyms)) or any(
        column.pseudonymized(pseudonyms, value) != value for value in values
    )


def _rewrite_file(file: Path, storage_version: str) -> None:
    """Copy the database into a new file, without free blocks."""
    version = storage_version.replace("'", "")
    with replacing(file) as partial:
        paths = [str(path).replace("'", "''") for path in (file, partial)]
        with duckdb.connect() as memory:
            memory.execute(f"attach '{paths[0]}' as old (read_only)")
            memory.execute(f"attach '{paths[1]}' as new (storage_version '{version}')")
            memory.execute("copy from database old to new")
        partial.chmod(0o600)
