"""Open and query the published file."""

import logging
from datetime import UTC, date, datetime
from pathlib import Path
from shlex import quote
from typing import Any

import duckdb

from logentic.audit_log import AuditLog, Row
from logentic.currencies import minor_digits
from logentic.database_file import is_duckdb, read_by_duckdb, require_file
from logentic.destinations.base import destination_class
from logentic.errors import StateError, UsageError
from logentic.settings import load_settings
from logentic.state import State

log = logging.getLogger("logentic")

AMOUNT = "decimal(18, 2)"


def open_published(file: Path, config: dict[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
    """Open the published file read-only; raise a clear error for a missing or foreign one.

    `config`: further settings of DuckDB.
    """
    require_file(file)
    if not file.exists():
        if not destination_class(settings := load_settings()).publishes_file:
            raise UsageError(
                f"--db {file} does not exist, and this command reads a DuckDB file;"
                f" destination is {settings.destination}",
                "Run into a file as well: logentic run --destination duckdb --db FILE.",
            )
        raise UsageError(f"--db {file} does not exist", f"Make it: logentic run --db {quote(str(file))}")
    if not is_duckdb(file):
        raise UsageError(
            f"--db {file} is not a file that logentic published", "Name another; or move it away and run again."
        )
    try:
        connection = duckdb.connect(str(read_by_duckdb(file)), read_only=True, config=config or {})
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("select 1 from logentic_raw.extract_windows limit 1").fetchall()
    except duckdb.CatalogException:
        raise UsageError(
            f"--db {file} was not made by logentic", "Name the file that `logentic run` published."
        ) from None
    except duckdb.Error as error:
        raise StateError(
            f"--db {file} cannot be read: {str(error).splitlines()[0]}", "Name another; or move it away and run again."
        ) from None
    return connection


def with_currency_decimals(sql: str) -> str:
    """Return the query with as many decimals of amounts as the currency has, if these are more than two."""
    digits = minor_digits(load_settings().currency) if AMOUNT in sql else 2
    return sql.replace(AMOUNT, f"decimal(18, {digits})") if digits > 2 else sql


def read_records(published: duckdb.DuckDBPyConnection, sql: str, values: Any = None) -> list[dict[str, Any]]:
    """Return the rows of a query as dicts; raise a clear error if a table does not exist yet."""
    try:
        cursor = published.execute(with_currency_decimals(sql), values)
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise older_file_error(error) from None
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def older_file_error(error: duckdb.Error) -> StateError:
    """Return the error for a file of an earlier version, which lacks a table or column."""
    missing = str(error).splitlines()[0].partition("Error: ")[2].rstrip("!.")
    return StateError(f"the file was published by an earlier version: {missing}", "Run once: logentic run --db FILE")


def require_charges(
    published: duckdb.DuckDBPyConnection, file: Path, invoice: int | None = None, month: date | None = None
) -> None:
    """Refuse an invoice or month without charges: an empty report would look like a clean one."""
    for chosen, what, charges in (
        (invoice, f"no invoice {invoice}", "charges where payment_id = $1"),
        (
            month,
            f"no charge of {month:%Y-%m}" if month else "",
            "month_facts where subject = 'charge' and month = $1 and value is not null",
        ),
    ):
        if chosen is not None and not read_records(published, f"select 1 from {charges} limit 1", [chosen]):
            raise UsageError(f"{file} has {what}", list_newest_invoices(published))


def list_newest_invoices(published: duckdb.DuckDBPyConnection) -> str:
    known = "select distinct payment_id as n from charges where payment_id is not null order by n desc limit 5"
    return f"The newest invoices: {', '.join(str(row['n']) for row in read_records(published, known)) or 'none yet'}."


def read_known_at(published: duckdb.DuckDBPyConnection) -> datetime:
    """Return the service's time up to which FILE knows the account."""
    found = read_records(published, "select max(finished_at) as at from logentic_staging.stg_extract_windows")[0]["at"]
    return found.astimezone(UTC) if found else datetime.fromtimestamp(0, UTC)


def read_audit_log(audit_log: AuditLog, file: Path) -> list[Row]:
    """Return the rows of an audit log beside FILE; none, with a warning, if the folder is not readable."""
    state = State(file.absolute())
    try:
        return audit_log.read(state.folder)
    except PermissionError:
        log.warning("%s is not readable: decisions since the last run are not shown", state.folder)
        return []


def read_kept_rows(published: duckdb.DuckDBPyConnection, audit_log: AuditLog, file: Path) -> list[Row]:
    """Return all rows of an audit log: those of FILE, then those written beside it since, oldest first.

    A file of an earlier version, without the table, has none.
    """
    try:
        held = read_records(published, f"select * from logentic_raw.{audit_log.name}")
    except StateError:
        held = []
    return list({row["event_id"]: row for row in (*held, *read_audit_log(audit_log, file)) if row["event_id"]}.values())
