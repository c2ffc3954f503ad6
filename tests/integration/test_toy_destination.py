"""A destination that only this file knows: raw tables in SQLite, loaded by the ordinary job."""

import errno
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from dlt.destinations import destination as dlt_destination
from dlt.destinations.impl.destination.destination import DestinationClient
from pydantic import SecretStr
from raw_tables import assert_same_rows

from logentic.audit_log import EXCEPTION_LOG, RUNS, AuditLog, Row
from logentic.cli.event_server import make_receiver
from logentic.cli.options import state_file
from logentic.destinations.base import (
    DESTINATIONS,
    FORMAT,
    Destination,
    Signature,
    check_signature,
    destination_class,
    synchronize_audit_log,
)
from logentic.errors import StateError, UsageError
from logentic.extract.stored_records import QUALIFIED, Query
from logentic.job import JobOptions, JobResult, run_job
from logentic.privacy.pseudonyms import key_fingerprint
from logentic.reports.status import read_status
from logentic.resources import RAW_KEYS
from logentic.sandbox import Account, Sandbox
from logentic.settings import Settings
from logentic.state import State

TODAY = date(2026, 3, 17)
TYPES = "_types"  # a table of the columns: SQLite keeps values as text, DuckDB reads them


class SqliteDestination(Destination):
    run_command = "logentic run --destination sqlite"

    def __init__(self, settings: Settings, state: State) -> None:
        self._state, self._file = state, state.folder / "raw.sqlite"
        self.name = f"SQLite file {self._file}"

    def require_loaded(self) -> None:
        if self._signature() is None:
            raise UsageError(f"{self.name} holds nothing yet", f"Load it: {self.run_command}")

    def is_published(self) -> bool:
        return self._signature() is not None

    def remove_unfinished(self, pipeline: Any, reloaded: list[str]) -> None:
        with self._connected() as connection:
            stored = {table for (table,) in connection.execute(f"select distinct name from {TYPES}")}
            for table, key in RAW_KEYS.items():
                if table not in stored:
                    continue
                names = ", ".join(f'"{name}"' for name in ("_dlt_load_id", *key))
                connection.execute(f"delete from {table} where _dlt_load_id not in (select load_id from _dlt_loads)")
                if reloaded:
                    copies = f"select min(rowid) from {table} group by {names}"
                    connection.execute(f"delete from {table} where rowid not in ({copies})")

    def open(self, key: bytes | None, *, accept_new_key: bool) -> bool:
        with self._connected() as connection:
            connection.execute(f"create table if not exists {TYPES} (name, column_name, type)")
        self.store("_dlt_loads", {"load_id": "varchar", "status": "bigint"}, [])
        return check_signature(self.name, self._signature(), key, accept_new_key=accept_new_key)

    def sign(self, key: bytes | None) -> None:
        with self._connected() as connection:
            connection.execute("create table if not exists signature (format, key_fingerprint)")
            connection.execute("delete from signature")
            connection.execute("insert into signature values (?, ?)", [FORMAT, key_fingerprint(key)])

    def raw(self) -> "RawSqlite":
        return RawSqlite(self._file)

    def dlt_destination(self) -> Any:
        toy = self

        class Client(DestinationClient):
            def complete_load(self, load_id: str) -> None:
                toy.store("_dlt_loads", {}, [{"load_id": load_id, "status": "0"}])

        class Sqlite(dlt_destination):
            @property
            def client_class(self) -> type[DestinationClient]:
                return Client

        def load_file(file: Any, table: Any) -> None:
            toy.load_file(file, table)

        return Sqlite(load_file, "sqlite", loader_file_format="parquet", batch_size=0)

    def load_file(self, file: str, table: Any) -> None:
        with duckdb.connect() as reader:
            reader.execute("set TimeZone = 'UTC'")
            rows = reader.read_parquet(file)
            types = dict(zip(rows.columns, map(str, rows.types), strict=True))
            values = reader.sql("select cast(columns(*) as varchar) from rows").to_arrow_table().to_pylist()
        self.store(table["name"], types, values)

    def load_audit_log(self) -> dict[str, int]:
        def read(audit_log: AuditLog) -> list[Row]:
            with closing(self.raw()) as raw:
                rows = raw(f"select * from {{{audit_log.name}}}")
                return rows.to_pylist() if rows else []

        def write(audit_log: AuditLog) -> None:
            self.store(audit_log.name, audit_log.columns, [])
            with self._connected() as connection:
                connection.execute(f"delete from {audit_log.name}")
            self.store(audit_log.name, {}, audit_log.read_distinct(self._state.folder))

        return synchronize_audit_log(self._state, read, write)

    def add_run(self, row: Row) -> None:
        self.store(RUNS.name, {}, [row])

    def publish(self) -> int:
        return self._file.stat().st_size

    def store(self, table: str, types: Mapping[str, str], rows: Iterable[Row]) -> None:
        """Add columns that the table lacks, then rows."""
        with self._connected() as connection:
            found = connection.execute(f"select column_name from {TYPES} where name = ?", [table]).fetchall()
            for name in types.keys() - {known for (known,) in found}:
                is_new = not connection.execute(f"select 1 from {TYPES} where name = ?", [table]).fetchone()
                change = f'create table {table} ("{name}")' if is_new else f'alter table {table} add "{name}"'
                connection.execute(change)
                connection.execute(f"insert into {TYPES} values (?, ?, ?)", [table, name, types[name]])
            for row in rows:
                names, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
                values = [None if value is None else str(value) for value in row.values()]
                connection.execute(f"insert into {table} ({names}) values ({marks})", values)

    def _signature(self) -> Signature | None:
        with self._connected() as connection:
            if connection.execute("select 1 from sqlite_master where name = 'signature'").fetchone():
                return connection.execute("select * from signature").fetchone()
        return None

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with closing(sqlite3.connect(self._file, timeout=60, isolation_level=None)) as connection:
            connection.execute("begin immediate")
            yield connection
            connection.execute("commit")


class RawSqlite(Query):
    """The tables as they were at the first query, copied into memory for DuckDB."""

    def __init__(self, file: Path) -> None:
        self._file, self._memory = file, None

    def __call__(self, sql: str) -> pa.Table | None:
        if self._memory is None:
            self._memory = self._copied()
        try:
            return self._memory.sql(sql.format_map(QUALIFIED)).to_arrow_table()
        except duckdb.CatalogException:
            return None

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def _copied(self) -> duckdb.DuckDBPyConnection:
        memory = duckdb.connect()
        memory.execute("set TimeZone = 'UTC'; create schema logentic_raw")
        with closing(sqlite3.connect(self._file)) as connection:
            for (table,) in connection.execute(f"select distinct name from {TYPES}").fetchall():
                types = dict(connection.execute(f"select column_name, type from {TYPES} where name = ?", [table]))
                names = ", ".join(f'"{name}"' for name in types)
                rows = connection.execute(f"select {names} from {table}").fetchall()
                arrays = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(types))]
                memory.register("text", pa.table(arrays, names=[*types]))
                cast = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in types.items())
                memory.execute(f'create table logentic_raw."{table}" as select {cast} from text')
                memory.unregister("text")
        return memory


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DESTINATIONS, "sqlite", lambda settings: SqliteDestination)


def test_the_same_rows_are_loaded_as_into_duckdb(tmp_path: Path) -> None:
    with Sandbox(Account(seed=28, scale=0.2, days=40, today=TODAY)) as sandbox:
        now = sandbox.clock.now()
        for moment in (now - timedelta(days=2), now):
            sandbox.clock.set(moment)
            for destination in ("sqlite", "duckdb"):
                load(sandbox, tmp_path / destination, destination)
        again = load(sandbox, tmp_path / "sqlite")
    assert again.loaded.changes == 0
    assert again.shown == f"SQLite file {State(tmp_path / 'sqlite').folder / 'raw.sqlite'}"
    assert_same_rows(State(tmp_path / "duckdb").work, lambda *asked: read(tmp_path / "sqlite", *asked))


def test_a_load_that_failed_half_way_is_finished_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the third file on, rows are stored and the load fails: they are stored again, and removed."""
    with Sandbox(Account(seed=29, scale=0.1, days=20, today=TODAY)) as sandbox:
        real, calls = SqliteDestination.load_file, []

        def load_file(self: SqliteDestination, *given: Any) -> None:
            real(self, *given)
            calls.append(given)
            if len(calls) >= 3:
                raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(SqliteDestination, "load_file", load_file)
            with pytest.raises(StateError, match="No space left on device"):
                load(sandbox, tmp_path / "sqlite")
        assert load(sandbox, tmp_path / "sqlite").loaded.finished_pending
        load(sandbox, tmp_path / "duckdb", "duckdb")
    assert_same_rows(State(tmp_path / "duckdb").work, lambda *asked: read(tmp_path / "sqlite", *asked))


def test_the_audit_log_comes_back_when_the_state_folder_is_lost(tmp_path: Path) -> None:
    with Sandbox(Account(seed=30, scale=0.1, days=10, today=TODAY)) as sandbox:
        load(sandbox, tmp_path / "sqlite")
        folder = State(tmp_path / "sqlite").folder
        EXCEPTION_LOG.append(folder, [{"event_id": "e1", "note": "é", "amount_at_stake": "1.50"}])
        load(sandbox, tmp_path / "sqlite")
        EXCEPTION_LOG.path(folder).unlink()
        load(sandbox, tmp_path / "sqlite")
    assert [row["note"] for row in EXCEPTION_LOG.read(folder)] == ["é"]


def test_commands_ask_the_destination_and_not_for_its_name(tmp_path: Path) -> None:
    state = State(tmp_path / "sqlite")
    with Sandbox(Account(seed=31, scale=0.1, days=10, today=TODAY)) as sandbox:
        settings = settings_of(sandbox)
        load(sandbox, state.file)
        load(sandbox, tmp_path / "duckdb", "duckdb")
    assert state_file(None, settings) == Path("logentic.sqlite")
    status = read_status(state.file, settings)
    assert (status["file"], status["bytes"]) == (f"SQLite file {state.folder / 'raw.sqlite'}", None)
    with pytest.raises(UsageError, match="no DuckDB file"):
        destination_class(settings).working_database(state)
    state.file.write_bytes(State(tmp_path / "duckdb").work.read_bytes())  # another destination's file is not asked
    make_receiver(settings.model_copy(update={"hash_key": SecretStr("two")}), state).close()
    into_file = settings.model_copy(update={"hash_key": SecretStr("two"), "destination": "duckdb"})
    with pytest.raises(StateError, match="another key"):
        make_receiver(into_file, state)


def settings_of(sandbox: Sandbox, destination: str = "sqlite") -> Settings:
    settings = Settings(base_url=sandbox.url, api_token=sandbox.token, hash_key="one", webhook_secret="hush")
    # The setting names those that the package has; a copy is not checked.
    return settings.model_copy(update={"destination": destination})


def load(sandbox: Sandbox, file: Path, destination: str = "sqlite") -> JobResult:
    return run_job(settings_of(sandbox, destination), file, JobOptions(models=False))


def read(file: Path, table: str, names: str) -> list[tuple]:
    with closing(SqliteDestination(Settings(), State(file)).raw()) as raw:
        found = raw(f"select {names} from {{{table}}}")
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))
