"""A PostgreSQL database: raw tables written by dlt, work tables that are built, published tables for analysts."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from logentic.audit_log import PUBLISHED_LOGS, RUNS, AuditLog, Row
from logentic.destinations.base import (
    FORMAT,
    Destination,
    Signature,
    check_signature,
    synchronize_audit_log,
)
from logentic.destinations.postgres.connection import (
    RawPostgres,
    connected,
    credentials,
    database_name,
    is_connection_loss,
    url_of,
)
from logentic.destinations.postgres.engine import PostgresEngine
from logentic.destinations.postgres.publishing import is_published, publish
from logentic.errors import StateError, UsageError
from logentic.privacy.pseudonyms import key_fingerprint
from logentic.settings import Settings
from logentic.state import LOGGED_WAIT_SECONDS, State

log = logging.getLogger("logentic")

SIGNATURE = "logentic_raw._logentic"
LOCK = 7_564_133_021  # the key of this program's advisory lock
PG_TYPES = {"double": "double precision"}


class PostgresDestination(Destination):
    run_command = "logentic run --destination postgres"
    dbt_target = "postgres"

    def __init__(self, settings: Settings, state: State) -> None:
        self._state, self._found = state, credentials()  # by libpq's names
        self.name = database_name(self._found)

    def require_loaded(self) -> None:
        if self._signature() is None:
            raise UsageError(f"{self.name} holds nothing yet", f"Load it: {self.run_command}")

    def is_published(self) -> bool:
        with connected(self._found) as connection:
            return is_published(connection.cursor())

    def remove_unfinished(self, pipeline: Any, reloaded: list[str]) -> None:
        from logentic.destinations.dlt_tables import delete_unfinished

        delete_unfinished(pipeline, reloaded, "ctid")

    @contextmanager
    def locked(self, wait_seconds: float) -> Iterator[None]:
        """Hold an advisory lock, which ends with its connection, so that a killed run leaves none."""
        deadline, is_logged = time.monotonic() + wait_seconds, wait_seconds <= LOGGED_WAIT_SECONDS
        lock = connected(self._found)
        cursor = lock.__enter__().cursor()
        try:
            while not _one(cursor, "select pg_try_advisory_lock(%s)", [LOCK]):
                if time.monotonic() >= deadline:
                    raise StateError(
                        f"another run is in progress on {self.name}", "Let it finish, or wait for it: --wait SECONDS."
                    )
                if not is_logged:
                    is_logged = True
                    log.warning(
                        "another run is in progress on %s: waiting for it, for %g s at most", self.name, wait_seconds
                    )
                time.sleep(min(0.5, max(deadline - time.monotonic(), 0.01)))
            yield
        finally:
            cursor.connection.close()

    def open(self, key: bytes | None, *, accept_new_key: bool) -> bool:
        return check_signature(self.name, self._signature(), key, accept_new_key=accept_new_key)

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

    def is_connection_loss(self, error: BaseException) -> bool:
        return is_connection_loss(error)

    def load_audit_log(self) -> dict[str, int]:
        """Empty and fill the tables instead of recreating them, to keep their views and grants."""
        with connected(self._found) as connection, _transaction(connection) as cursor:
            for audit_log in (*PUBLISHED_LOGS, RUNS):
                _make_table(cursor, audit_log)

            def read(audit_log: AuditLog) -> list[Row]:
                cursor.execute(f"select {_names(audit_log.columns)} from logentic_raw.{audit_log.name}")
                return [dict(zip(audit_log.columns, row, strict=True)) for row in cursor.fetchall()]

            def write(audit_log: AuditLog) -> None:
                cursor.execute(f"delete from logentic_raw.{audit_log.name}")
                _insert(cursor, audit_log, audit_log.read_distinct(self._state.folder))

            return synchronize_audit_log(self._state, read, write)

    def add_run(self, row: Row) -> None:
        with connected(self._found) as connection:
            _insert(connection.cursor(), RUNS, [row])

    @contextmanager
    def models(self, *, keep_steps: bool = False) -> Iterator[PostgresEngine]:
        with connected(self._found) as connection:
            # PostgreSQL's planner underestimates a view of the latest versions and would join it row by row.
            connection.cursor().execute("set enable_nestloop = off")
            yield PostgresEngine(connection, keep_steps=keep_steps)

    def publish(self) -> int:
        with connected(self._found) as connection, _transaction(connection) as cursor:
            return publish(cursor)

    def _signature(self) -> Signature | None:
        with connected(self._found) as connection:
            cursor = connection.cursor()
            if not _one(cursor, "select to_regclass(%s)", [SIGNATURE]):
                return None
            cursor.execute(f"select format, key_fingerprint from {SIGNATURE}")
            found: Signature | None = cursor.fetchone()
            return found


def _make_table(cursor: Any, audit_log: AuditLog) -> None:
    columns = [f'"{name}" {PG_TYPES.get(kind, kind)}' for name, kind in audit_log.columns.items()]
    cursor.execute(f"create table if not exists logentic_raw.{audit_log.name} ({', '.join(columns)})")
    added = ", ".join(f"add column if not exists {column}" for column in columns)
    cursor.execute(f"alter table logentic_raw.{audit_log.name} {added}")


def _insert(cursor: Any, audit_log: AuditLog, rows: list[Row]) -> None:
    from psycopg2.extras import execute_values

    values = [[row.get(name) for name in audit_log.columns] for row in rows]
    execute_values(cursor, f"insert into logentic_raw.{audit_log.name} ({_names(audit_log.columns)}) values %s", values)


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
