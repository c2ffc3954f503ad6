"""Publish a DuckDB file, a copy of the working database."""

import os
import shutil
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import Any

import duckdb
import pyarrow as pa

from logentic.atomic_write import replacing
from logentic.audit_log import RUNS, AuditLog, Row
from logentic.database_file import is_duckdb, is_foreign, reached, read_by_duckdb
from logentic.destinations.base import (
    FORMAT,
    Destination,
    Engine,
    Signature,
    check_signature,
    forget_comparisons,
    synchronize_audit_log,
)
from logentic.errors import StateError, UsageError, first_line
from logentic.extract.stored_records import QUALIFIED, Query
from logentic.privacy.pseudonyms import key_fingerprint
from logentic.resources import Description
from logentic.settings import Settings
from logentic.state import State

SIGNATURE = "logentic_raw._logentic"
MARTS = "logentic_marts"
COMMENTS = """
select schema_name, table_name, null, 'table', comment from duckdb_tables() where database_name = current_database()
union all
select schema_name, view_name, null, 'view', comment from duckdb_views() where database_name = current_database()
union all
select schema_name, table_name, column_name, 'column', comment from duckdb_columns()
where database_name = current_database() and not internal
"""
SIGNED = f"select format, key_fingerprint from {SIGNATURE}"


class DuckdbDestination(Destination):
    publishes_file = True
    dbt_target = "duckdb"

    def __init__(self, settings: Settings, state: State) -> None:
        self._settings, self._state = settings, state
        self.name = str(state.file)
        self.run_command = f"logentic run --db {quote(self.name)}"
        self.privacy_advice = f"Pseudonymize them: logentic privacy --rewrite --db {self.name}"

    @classmethod
    def published_signature(cls, state: State) -> Signature | None:
        if not is_duckdb(state.file):
            return None
        try:
            with duckdb.connect(str(read_by_duckdb(state.file)), read_only=True) as published:
                return published.execute(SIGNED).fetchone()
        except duckdb.Error:
            return None

    @classmethod
    def working_database(cls, state: State) -> Path:
        return state.work

    def shown_as(self, file: Path) -> str:
        return str(file)

    def require_loaded(self) -> None:
        if not self._state.file.exists() and not self._state.work.exists():
            raise UsageError(f"--db {self.name} does not exist", f"Make it: {self.run_command}")

    def is_published(self) -> bool:
        return self._state.file.exists()

    def published_version(self) -> str:
        if not self._state.file.exists():
            return ""
        found = self._state.file.stat()
        return f"{found.st_size} bytes, {found.st_mtime_ns}"

    def is_damaged(self) -> bool:
        """Read a copy of the working database, because after a failed statement an instance gives no further
        results.
        """
        if not self._state.work.exists():
            return False
        copy = self._state.folder / "work.check"
        logs = [path.with_name(f"{path.name}.wal") for path in (self._state.work, copy)]
        try:
            shutil.copyfile(self._state.work, copy)
            if logs[0].exists():
                shutil.copyfile(*logs)
            duckdb.connect(str(copy)).close()  # replays the log
            self._read_all_blocks(copy)
        except OSError:  # not enough space for the copy
            return False
        except duckdb.Error:
            return True
        finally:
            copy.unlink(missing_ok=True)
            logs[1].unlink(missing_ok=True)
        return False

    def set_aside(self) -> str:
        damaged = self._move_damaged()
        if any(link.startswith(str(damaged)) for link in _open_files()):
            raise StateError(
                f"the working database was damaged and is set aside as {damaged}", "Run again: it is made from FILE."
            )
        return f"the working database was damaged: it is set aside as {damaged} and made again from FILE"

    def remove_unfinished(self, pipeline: Any, reloaded: list[str]) -> None:
        from logentic.destinations.dlt_tables import delete_unfinished

        delete_unfinished(pipeline, reloaded, "rowid")

    def open(self, key: bytes | None, *, accept_new_key: bool) -> bool:
        """Create the working database, or restore it from FILE; rows that FILE lacks are read from the service
        again.
        """
        signature = None
        if self._state.work.exists():
            try:
                signature = self._signature()
            except duckdb.Error:
                self._move_damaged()
        if not self._state.work.exists():
            forget_comparisons(self._state)
            self._copy_from_file() if self._state.file.exists() else self._make()
            signature = self._signature()
        return check_signature(self.name, signature, key, accept_new_key=accept_new_key)

    @contextmanager
    def keep_open(self) -> Iterator[None]:
        """Share one connection with everything that opens the database meanwhile (dlt does so a dozen times), to avoid
        reading the catalogue and writing a checkpoint each time. It uses the configured memory and one thread,
        because a second one needs as much memory again.
        """
        with duckdb.connect(str(self._state.work)) as work:
            work.execute("set global memory_limit = ?", [self._settings.load_memory])
            work.execute("set global threads = 1")
            work.execute("set global preserve_insertion_order = false")
            yield

    def sign(self, key: bytes | None) -> None:
        """Store it in the database itself, which outlives the state folder."""
        with duckdb.connect(str(self._state.work)) as work:
            work.execute(f"create or replace table {SIGNATURE} (format integer, key_fingerprint varchar)")
            work.execute(f"insert into {SIGNATURE} values (?, ?)", [FORMAT, key_fingerprint(key)])

    def raw(self) -> "RawFile":
        return RawFile(self._state.work, read_only=False)

    def dlt_destination(self) -> Any:
        import dlt
        from dlt.common.destination.configuration import ParquetFormatConfiguration
        from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

        credentials = DuckDbCredentials(str(self._state.work))
        credentials.resolve()  # resolve once; otherwise dlt does it 50 times in a load
        # Do not compress files that are loaded from the same disk immediately.
        return dlt.destinations.duckdb(credentials, parquet_format=ParquetFormatConfiguration(compression="none"))

    def load_audit_log(self) -> dict[str, int]:
        with self._connected() as work:
            work.execute("create schema if not exists logentic_raw")

            def write(audit_log: AuditLog) -> None:
                rows = _select_from(audit_log, self._state)
                work.execute(f"create or replace table logentic_raw.{audit_log.name} as {rows}")

            return synchronize_audit_log(self._state, lambda audit_log: _stored_lines(work, audit_log), write)

    def add_run(self, row: Row) -> None:
        names, values = ", ".join(row), ", ".join("?" * len(row))
        with self._connected() as work:
            work.execute(f"insert into logentic_raw.{RUNS.name} ({names}) values ({values})", [*row.values()])

    @contextmanager
    def models(self, *, keep_steps: bool = False) -> Iterator["DuckdbEngine"]:
        with self._connected() as work:
            work.execute("set global memory_limit = ?", [self._settings.duckdb_memory])
            work.execute("set global preserve_insertion_order = false")
            yield DuckdbEngine(work, self._settings.duckdb_memory, keep_steps=keep_steps)

    def publish(self) -> int:
        """Copy the working database, read all blocks of the copy, and rename it to FILE."""
        file = self._state.file
        if file.exists() and is_foreign(file):
            raise StateError(
                f"{file} is not a file that logentic published, and is not replaced",
                "Move it away, then run again: loaded data is kept.",
            )
        try:
            # without a WAL, the file is complete
            if self._state.work.with_name(f"{self._state.work.name}.wal").exists():
                with duckdb.connect(str(self._state.work)) as work:
                    work.execute("checkpoint")
            with replacing(file) as partial:
                partial.touch(0o640)  # set permissions before the first byte is written
                shutil.copyfile(self._state.work, partial)
                with partial.open("rb") as copied:
                    os.fsync(copied.fileno())
                self._read_all_blocks(partial)
            return file.stat().st_size
        except (OSError, duckdb.Error) as error:
            raise StateError(
                f"{file} could not be published: {first_line(error)}",
                "The existing file is unchanged. Free space, then run again.",
            ) from None

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self._state.work)) as work:
            work.execute("set TimeZone = 'UTC'")
            yield work

    def _make(self) -> None:
        """Create the file, because the storage version of a DuckDB file is chosen at creation."""
        work = self._state.work
        version = self._settings.duckdb_storage_version.replace("'", "")
        path = str(work).replace("'", "''")
        try:
            with duckdb.connect() as memory:
                memory.execute(f"attach '{path}' as work (storage_version '{version}')")
        except duckdb.Error as error:
            raise StateError(f"{work} cannot be made: {first_line(error)}", "Check duckdb_storage_version.") from None
        work.chmod(0o600)

    def _copy_from_file(self) -> None:
        file, work = self._state.file, self._state.work
        refused = StateError(
            f"{file} is not a file that logentic published, or it is damaged",
            "Restore it from a backup; or move it away, or name another file: then everything is read again, without"
            " the versions that only this file holds.",
        )
        if not is_duckdb(file) or is_foreign(file):
            raise refused
        with replacing(work) as partial:
            shutil.copyfile(file, partial)
            partial.chmod(0o600)
        try:
            with duckdb.connect(str(work)) as opened:
                opened.execute("select 1 from logentic_raw.extract_windows limit 1")
                opened.execute(f"drop table if exists {DuckdbEngine.built_nodes}")  # others may have changed its tables
            self._read_all_blocks(work)
        except duckdb.Error:
            work.unlink()
            raise refused from None

    def _move_damaged(self) -> Path:
        """Move a damaged working database aside, and return its new path."""
        damaged = self._state.work.with_suffix(".damaged")
        if damaged.is_dir():
            shutil.rmtree(damaged)
        self._state.work.replace(damaged)
        self._state.work.with_suffix(".duckdb.wal").unlink(missing_ok=True)
        return damaged

    def _read_all_blocks(self, file: Path) -> None:
        """Raise DuckDB's error if a block of a table does not match its checksum."""
        config: dict[str, Any] = {"memory_limit": self._settings.load_memory, "threads": 1, "temp_directory": ""}
        with duckdb.connect(str(read_by_duckdb(file)), read_only=True, config=config) as database:
            tables = database.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
            ).fetchall()
            for schema, table in tables:
                with suppress(duckdb.OutOfMemoryException):  # a value of many megabytes
                    database.execute(f"select bit_xor(hash(t)) from {_quoted(schema)}.{_quoted(table)} as t")

    def _signature(self) -> Signature | None:
        """Return the signature; None if it was never signed. Raises DuckDB's error if the database is damaged."""
        with duckdb.connect(str(self._state.work)) as work:
            work.execute("select count(*) from duckdb_tables()")
            try:
                return work.execute(SIGNED).fetchone()
            except duckdb.CatalogException:
                return None


class DuckdbEngine(Engine):
    """Run the plan on DuckDB. Steps are temporary tables: kept in memory or spilled, never written to the file."""

    built_nodes = '"logentic_build"."built_nodes"'

    def __init__(self, work: duckdb.DuckDBPyConnection, memory: str, *, keep_steps: bool) -> None:
        self._work = work
        self.steps = None if keep_steps else "temp.main"
        self.memory_advice = f"set LOGENTIC_DUCKDB_MEMORY to more than {memory}."
        self._standing: dict[str, bool] = {}

    def is_error(self, error: BaseException) -> bool:
        return isinstance(error, duckdb.Error)

    def execute(self, sql: str) -> int | None:
        row = self._work.execute(sql).fetchone()
        return row[0] if row and isinstance(row[0], int) else None

    def named_rows(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        found = self._work.execute(sql)
        return [column[0] for column in found.description or ()], found.fetchall()

    def read_arrow(self, sql: str) -> pa.Table:
        return self._work.sql(sql).to_arrow_table()

    def write_arrow(self, relation: str, rows: pa.Table) -> None:
        self._work.register("written_rows", rows)
        self.execute(f"insert into {relation} by name select * from written_rows")
        self._work.unregister("written_rows")

    def raw_columns(self, table: str) -> dict[str, str]:
        found = self.rows(
            "select column_name from duckdb_columns() where database_name = current_database()"
            f" and schema_name = 'logentic_raw' and table_name = '{table}'"
        )
        return {name.lower(): _quoted(name) for (name,) in found}

    def relations(self) -> dict[str, bool]:
        schemas = "database_name = current_database() and schema_name like 'logentic_%'"
        found = self.rows(
            f"select schema_name, table_name, false from duckdb_tables() where {schemas} union all"
            f" select schema_name, view_name, true from duckdb_views() where {schemas}"
        )
        self._standing = {f"{_quoted(schema)}.{_quoted(name)}": is_view for schema, name, is_view in found}
        return self._standing

    def make_table(self, relation: str, sql: str, *, is_step: bool = False) -> int | None:
        if self._standing.get(relation):
            self.execute(f"drop view {relation}")
        temporary = "temp " if is_step and self.steps else ""
        return self.execute(f"create or replace {temporary}table {relation} as (\n{sql}\n)")

    def make_view(self, relation: str, sql: str) -> None:
        if self._standing.get(relation) is False:
            self.drop_table(relation)
        self.execute(f"create or replace view {relation} as (\n{sql}\n)")
        self.finish_table(relation)

    def replace_rows(self, relation: str, sql: str, condition: str) -> int | None:
        self.execute("begin")
        try:
            # Drop them only afterwards: the query may read the table.
            self.execute(f"create or replace temp table temp.main.new_rows as (\n{sql}\n)")
            self.execute(f"delete from {relation} where {condition}")
            count = self.execute(f"insert into {relation} by name select * from temp.main.new_rows")
            self.execute("drop table temp.main.new_rows")
            self.execute("commit")
        except BaseException:
            with suppress(duckdb.Error):
                self.execute("rollback")
            raise
        return count

    def content(self, relation: str) -> str:
        (found,) = self.rows(f"select count(*), sum(hash(t)::hugeint), any_value(typeof(t)) from {relation} as t")
        return " ".join(map(str, found))

    def finish_table(self, relation: str) -> None:
        """Create a view in main, so that `select * from orders` works in the published file."""
        schema, _, name = relation.partition(".")
        if schema == _quoted(MARTS):
            self.execute(f"create or replace view main.{name} as select * from {relation}")

    def write_comments(self, descriptions: Mapping[str, Description]) -> None:
        """Write only comments that are missing or differ, because each one changes the catalogue."""
        standing = self.rows(COMMENTS)
        statements = []
        for schema, table, column, kind, comment in standing:
            # The views in the schema main get the descriptions of their marts.
            described = descriptions.get(f"{_quoted(MARTS if schema == 'main' else schema)}.{_quoted(table)}")
            text = described and (described.columns.get(column, described.other_columns) if column else described.text)
            if text and text != comment:
                name = ".".join(map(_quoted, filter(None, (schema, table, column))))
                statements.append(f"comment on {kind} {name} is {self.literal(text)}")
        if statements:
            self._work.execute("begin; " + "; ".join(statements) + "; commit")

    def remove_all_but(self, kept: Set[str]) -> None:
        for relation, is_view in self._standing.items():
            if relation.startswith('"logentic_build".') and relation not in kept:
                self.execute(f"drop {'view' if is_view else 'table'} {relation}")


class RawFile(Query):
    """The raw tables of one DuckDB file, queried without dlt: importing it costs more than a run without changes."""

    def __init__(self, file: Path, *, read_only: bool = True) -> None:
        """Open the file read-only, or in the mode of the run that writes it: DuckDB allows one mode per process."""
        self._file, self._read_only = file, read_only
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __call__(self, sql: str) -> pa.Table | None:
        if self._connection is None:
            self._connection = duckdb.connect(str(self._file), read_only=self._read_only)
            self._connection.execute("set TimeZone = 'UTC'")
        try:
            return self._connection.sql(sql.format_map(QUALIFIED)).to_arrow_table()
        except duckdb.CatalogException:
            return None
        except duckdb.OutOfMemoryException as error:
            raise StateError(
                f"stored rows could not be compared: {first_line(error)}", "Raise LOGENTIC_LOAD_MEMORY."
            ) from None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _stored_lines(work: duckdb.DuckDBPyConnection, audit_log: AuditLog) -> list[Row]:
    """Return the rows of an audit log's table, which may have fewer columns in a file of an earlier version."""
    try:
        found = work.execute(f"select * from logentic_raw.{audit_log.name}")
    except duckdb.CatalogException:
        return []
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _select_from(audit_log: AuditLog, state: State) -> str:
    """Return a query of an audit log's file. DuckDB reads a truncated line as a row of nulls."""
    path = reached(audit_log.path(state.folder))
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in audit_log.columns.items())
    if not audit_log.size(state.folder):
        empty = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in audit_log.columns.items())
        return f"select {empty} where false"
    escaped = str(path).replace("'", "''")
    return (
        f"select distinct on (event_id) * from read_json('{escaped}', format = 'newline_delimited',"
        f" ignore_errors = true, columns = {{{columns}}}) where event_id is not null"
    )


def _open_files() -> list[str]:
    """Return this process's open files, if the system lists them. DuckDB reuses an open instance of a path, even if the
    file was moved.
    """
    try:
        return [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]  # noqa: PTH115
    except OSError:
        return []


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
