"""A PostgreSQL database: raw tables that dlt writes, work tables that dbt builds, published ones that analysts read."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

from logentic.audit_log import PUBLISHED, RUNS, Journal, Row
from logentic.destinations.duckdb.audit_tables import journal_sizes
from logentic.destinations.duckdb.working_database import FORMAT, check_signature
from logentic.destinations.postgres.connection import RawPostgres, connected, credentials, place_name, url_of
from logentic.destinations.postgres.publishing import is_published, publish
from logentic.errors import StateError, UsageError
from logentic.privacy.pseudonyms import key_fingerprint
from logentic.state import LOGGED_WAIT_SECONDS, State

log = logging.getLogger("logentic")

SIGNATURE = "logentic_raw._logentic"
LOCK = 7_564_133_021  # of this program, among the advisory locks of a database
PG_TYPES = {"double": "double precision"}


class PostgresPlace:
    target = "postgres"
    table_format: Literal["delta"] | None = None

    def __init__(self, state: State) -> None:
        self._state = state
        self._found = credentials()
        self.what = place_name(self._found)
        self.database = self._found["dbname"]

    def require_loaded(self) -> None:
        if self._signature() is None:
            raise UsageError(f"{self.what} holds nothing yet", "Load it: logentic run --destination postgres")

    def is_published(self) -> bool:
        with connected(self._found) as connection:
            return is_published(connection.cursor())

    def published_version(self) -> str:
        return ""

    def is_damaged(self) -> bool:
        return False

    def set_aside(self) -> str:
        raise AssertionError(self.what)

    def check_files(self, files: list[str]) -> None:
        """To load them is to read them."""

    def remove_orphans(self) -> None:
        """recovery.py deletes their rows."""

    @contextmanager
    def locked(self, wait_seconds: float) -> Iterator[None]:
        """An advisory lock, which goes with its connection: a run that is killed leaves none behind."""
        deadline, is_logged = time.monotonic() + wait_seconds, wait_seconds <= LOGGED_WAIT_SECONDS
        lock = connected(self._found)
        cursor = lock.__enter__().cursor()
        try:
            while not _one(cursor, "select pg_try_advisory_lock(%s)", [LOCK]):
                if time.monotonic() >= deadline:
                    raise StateError(
                        f"another run is at work on {self.what}", "Let it finish, or wait for it: --wait SECONDS."
                    )
                if not is_logged:
                    is_logged = True
                    log.warning(
                        "another run is at work on %s: waiting for it, for %g s at most", self.what, wait_seconds
                    )
                time.sleep(min(0.5, max(deadline - time.monotonic(), 0.01)))
            yield
        finally:
            cursor.connection.close()

    def open(self, key: bytes | None, *, accept_new_key: bool) -> bool:
        return check_signature(self.what, self._signature(), key, accept_new_key=accept_new_key)

    def kept_open(self) -> nullcontext[None]:
        return nullcontext()

    def sign(self, key: bytes | None) -> None:
        with connected(self._found) as connection, _transaction(connection) as cursor:
            cursor.execute(f"create table if not exists {SIGNATURE} (format integer, key_fingerprint varchar)")
            cursor.execute(f"delete from {SIGNATURE}")
            cursor.execute(f"insert into {SIGNATURE} values (%s, %s)", [FORMAT, key_fingerprint(key)])

    def raw(self) -> RawPostgres:
        return RawPostgres(self._found)

    def dlt_destination(self) -> Any:
        from logentic.destinations.postgres.loading import postgres

        return postgres(url_of(self._found))

    def load_journals(self) -> dict[str, int]:
        """Tables are emptied and filled, not made anew: views and grants on them stay."""
        with connected(self._found) as connection, _transaction(connection) as cursor:
            for journal in (*PUBLISHED, RUNS):
                _make_table(cursor, journal)
                if journal is not RUNS or not RUNS.size(self._state.folder):
                    self._restore(cursor, journal)
                cursor.execute(f"delete from logentic_raw.{journal.name}")
                rows = {row["event_id"]: row for row in journal.read(self._state.folder) if row.get("event_id")}
                _insert(cursor, journal, list(rows.values()))
            return journal_sizes(self._state)

    def add_run(self, row: Row) -> None:
        with connected(self._found) as connection:
            _insert(connection.cursor(), RUNS, [row])

    @contextmanager
    def dbt(self, *, only_parse: bool = False) -> Iterator[None]:
        """As libpq takes it; profiles.yml reads the same variables, so that dbt by hand does as well."""
        given = {
            **{"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"},
            **{"PGPASSWORD": "password", "PGSSLMODE": "sslmode", "PGSSLROOTCERT": "sslrootcert"},
        }
        environment = {name: self._found[part] for name, part in given.items() if part in self._found}
        before = {name: os.environ.get(name) for name in (*given, "PGTZ", "PGOPTIONS")}
        # A view of the latest versions looks small to PostgreSQL's planner, which would then join it row by row.
        os.environ.update(environment, PGTZ="UTC", PGOPTIONS="-c enable_nestloop=off")
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value

    def publish(self) -> int:
        with connected(self._found) as connection, _transaction(connection) as cursor:
            return publish(cursor)

    def _signature(self) -> tuple[int, str | None] | None:
        with connected(self._found) as connection:
            cursor = connection.cursor()
            if not _one(cursor, "select to_regclass(%s)", [SIGNATURE]):
                return None
            cursor.execute(f"select format, key_fingerprint from {SIGNATURE}")
            found: tuple[int, str | None] | None = cursor.fetchone()
            return found

    def _restore(self, cursor: Any, journal: Journal) -> None:
        """What only the database knows, as the folder was lost, is written to the journal again."""
        written = {row.get("event_id") for row in journal.read(self._state.folder)}
        cursor.execute(f"select {_names(journal.columns)} from logentic_raw.{journal.name}")
        rows = [dict(zip(journal.columns, row, strict=True)) for row in cursor.fetchall()]
        if lost := [row for row in rows if row["event_id"] not in written]:
            journal.append(self._state.folder, lost)


def _make_table(cursor: Any, journal: Journal) -> None:
    columns = [f'"{name}" {PG_TYPES.get(kind, kind)}' for name, kind in journal.columns.items()]
    cursor.execute(f"create table if not exists logentic_raw.{journal.name} ({', '.join(columns)})")
    added = ", ".join(f"add column if not exists {column}" for column in columns)
    cursor.execute(f"alter table logentic_raw.{journal.name} {added}")


def _insert(cursor: Any, journal: Journal, rows: list[Row]) -> None:
    from psycopg2.extras import execute_values

    values = [[row.get(name) for name in journal.columns] for row in rows]
    execute_values(cursor, f"insert into logentic_raw.{journal.name} ({_names(journal.columns)}) values %s", values)


def _names(columns: Any) -> str:
    return ", ".join(f'"{name}"' for name in columns)


@contextmanager
def _transaction(connection: Any) -> Iterator[Any]:
    connection.autocommit = False
    try:
        yield connection.cursor()
        connection.commit()
    except BaseException:
        if not connection.closed:
            connection.rollback()
        raise


def _one(cursor: Any, sql: str, values: list[Any]) -> Any:
    cursor.execute(sql, values)
    return cursor.fetchone()[0]
