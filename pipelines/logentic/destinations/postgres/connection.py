"""Connect to PostgreSQL, and read its raw tables as Arrow."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa
from pyarrow import csv

from logentic import config_folder
from logentic.errors import StateError, UsageError
from logentic.extract.stored_records import QUALIFIED, Query
from logentic.resources import DAY, INTEGER, MEASURE, MOMENT, TEXT, TRUTH

VARIABLE = "DESTINATION__POSTGRES__CREDENTIALS"
# dlt uses libpq's names.
NAMES = {"host": "host", "port": "port", "database": "dbname", "username": "user", "password": "password"}
TYPES = {16: TRUTH, 20: INTEGER, 23: INTEGER, 25: TEXT, 1043: TEXT, 1082: DAY, 1184: MOMENT, 701: pa.float64()}
NUMERIC = 1700
LARGEST_BLOCK = 2**30
CONNECTION_ERRORS = {"OperationalError", "InterfaceError", "AdminShutdown", "DiskFull", "TooManyConnections"}


def credentials() -> dict[str, str]:
    """Return the credentials by libpq's names from dlt's first sources; ask dlt for any other source."""
    _driver()
    found = _plain_credentials() or _as_dlt_finds_them()
    return {"port": "5432", "connect_timeout": "15", "application_name": "logentic", **found}


def url_of(found: dict[str, str]) -> str:
    """Return the URL in the form that dlt accepts."""
    user, password, host, port, database = (
        quote(found.get(name, ""), safe="") for name in ("user", "password", "host", "port", "dbname")
    )
    more = {name: value for name, value in found.items() if name not in NAMES.values() and name != "application_name"}
    return f"postgresql://{user}:{password}@{host}:{port}/{database}?{urlencode(more)}"


def database_name(found: dict[str, str]) -> str:
    return f"PostgreSQL {found.get('dbname')} on {found.get('host', 'this machine')}"


@contextmanager
def connected(found: dict[str, str]) -> Iterator[Any]:
    """Open a connection in UTC and autocommit mode; convert the server's errors to ours."""
    with driver_errors(found):
        connection = _driver().connect(**found)
        try:
            connection.autocommit = True
            connection.cursor().execute("set time zone 'UTC'")
            yield connection
        finally:
            connection.close()


def is_connection_loss(error: BaseException) -> bool:
    """Return whether the driver reports that the server, or the way to it, is gone or overloaded."""
    return type(error).__module__.startswith("psycopg2") and type(error).__name__ in CONNECTION_ERRORS


@contextmanager
def driver_errors(found: dict[str, str]) -> Iterator[None]:
    """Convert the driver's errors, which contain no password; the first line states the cause."""
    try:
        yield
    except _driver().Error as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise StateError(
            f"{database_name(found)}: {reason}",
            "Loaded data is kept, and the published tables are unchanged. Run again.",
        ) from None


class RawPostgres(Query):
    """The raw tables of one database. They are read by COPY as text, which is exact and cheaper than Python rows."""

    def __init__(self, found: dict[str, str]) -> None:
        self._found = found
        self._connection: Any = None

    def __call__(self, sql: str) -> pa.Table | None:
        driver = _driver()
        query = sql.format_map(QUALIFIED)
        with driver_errors(self._found):
            if self._connection is None:
                self._connection = driver.connect(**self._found)
                self._connection.autocommit = True
                self._connection.cursor().execute("set time zone 'UTC'")
            with self._connection.cursor() as cursor:
                try:
                    cursor.execute(f"select * from ({query}) as asked limit 0")
                except (driver.errors.UndefinedTable, driver.errors.InvalidSchemaName):
                    return None
                schema = pa.schema([(column.name, _type_of(column)) for column in cursor.description])
                copied = BytesIO()
                cursor.copy_expert(f"copy ({query}) to stdout (format csv)", copied)
        return _table(copied, schema)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def holds_nul(self) -> bool:
        """Return False: PostgreSQL refuses U+0000."""
        return False


def _table(copied: BytesIO, schema: pa.Schema) -> pa.Table:
    if not copied.tell():
        return schema.empty_table()
    block = min(copied.tell() + 1, LARGEST_BLOCK)  # as one block, so that no text is split between blocks
    copied.seek(0)
    return csv.read_csv(
        copied,
        csv.ReadOptions(column_names=schema.names, block_size=block, use_threads=False),
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,  # "" is an empty text, an empty field is null
        ),
    )


def _type_of(column: Any) -> pa.DataType:
    if column.type_code == NUMERIC:
        return pa.decimal128(column.precision, column.scale) if column.precision else MEASURE
    return TYPES.get(column.type_code, TEXT)


def _plain_credentials() -> dict[str, str]:
    """Return the URL or its parts from the environment, else from secrets.toml; none if one of them is incomplete."""
    try:
        with (config_folder() / "secrets.toml").open("rb") as file:
            kept = tomllib.load(file).get("destination", {}).get("postgres", {}).get("credentials", {})
    except (OSError, tomllib.TOMLDecodeError):
        kept = {}
    parts = {**kept} if isinstance(kept, dict) else _parsed(kept)
    parts = {NAMES.get(name, name): str(value) for name, value in parts.items() if isinstance(value, str | int)}
    if given := os.environ.get(VARIABLE):
        parts = _parsed(given)
    for name, libpq in NAMES.items():
        if value := os.environ.get(f"{VARIABLE}__{name.upper()}"):
            parts[libpq] = value
    return parts if {"host", "dbname", "user"} <= parts.keys() else {}


def _parsed(url: str) -> dict[str, str]:
    try:
        return dict(_driver().extensions.parse_dsn(url))
    except _driver().Error:
        raise UsageError(
            f"{VARIABLE} is no URL of PostgreSQL", "Write it as postgresql://user:password@host:5432/database."
        ) from None


def _as_dlt_finds_them() -> dict[str, str]:
    from dlt.common.configuration.exceptions import ConfigurationException
    from dlt.common.configuration.resolve import resolve_configuration
    from dlt.destinations.impl.postgres.configuration import PostgresCredentials

    try:
        found = resolve_configuration(PostgresCredentials(), sections=("destination", "postgres", "credentials"))
    except ConfigurationException:
        raise UsageError(
            "PostgreSQL is not named",
            f"Set {VARIABLE} to postgresql://user:password@host:5432/database; docs/warehouses.md.",
        ) from None
    return _parsed(str(found.to_native_representation()))


def _driver() -> Any:
    try:
        import psycopg2
        import psycopg2.errors
        import psycopg2.extensions
    except ModuleNotFoundError:
        raise UsageError("psycopg2 is not installed", "Install logentic-elt[postgres].") from None
    return psycopg2
