"""The protocol of a destination, and how the configured one is chosen."""

import os
import shutil
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from logentic.audit_log import PUBLISHED_LOGS, RUNS, AuditLog, Row
from logentic.errors import StateError, UsageError
from logentic.extract.stored_records import Query
from logentic.privacy.pseudonyms import check_fingerprint, key_fingerprint
from logentic.resources import Description
from logentic.settings import Settings
from logentic.state import DEFERRED_RECEIPTS, LOOKED_UP_ORDERS, State

if TYPE_CHECKING:
    import dlt
    import pyarrow as pa

FORMAT = 1  # format of the raw tables; newer formats are rejected
Signature = tuple[int, str | None]  # format, and fingerprint of the pseudonym key


class Engine(Protocol):
    """A connection that runs the statements of the plan. Relations are named as in the plan."""

    text_type: str = "varchar"
    built_nodes: str | None = None  # the table in which a build records its models; None: each build runs all models
    steps: str | None  # the schema of temporary steps; None if steps are kept beside other tables
    memory_advice: str = "give the engine more memory."

    def literal(self, text: str) -> str:
        """Return a text as a literal."""
        return "'" + text.replace("'", "''") + "'"

    @abstractmethod
    def is_error(self, error: BaseException) -> bool:
        """Return whether the engine raised the error for a statement."""

    @abstractmethod
    def execute(self, sql: str) -> int | None:
        """Run one statement; return the number of rows written, None if the engine does not report it."""

    @abstractmethod
    def named_rows(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the column names and the rows of a query."""

    @abstractmethod
    def read_arrow(self, sql: str) -> "pa.Table":
        """Return the rows of a query. Decimals, dates, integers, booleans and texts keep their types."""

    @abstractmethod
    def write_arrow(self, relation: str, rows: "pa.Table") -> None:
        """Append rows to a new, empty table with the same columns."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.named_rows(sql)[1]

    def make_schemas(self, names: list[str]) -> None:
        for name in names:
            self.execute(f'create schema if not exists "{name}"')

    def complete_raw(self, tables: Mapping[str, Mapping[str, str]]) -> None:
        """Create missing raw tables, and missing columns of raw tables: {table: {column: type}}."""
        self.execute("create schema if not exists logentic_raw")
        for table, columns in tables.items():
            standing = self.raw_columns(table)
            added = [f'"{name}" {kind}' for name, kind in columns.items() if name not in standing]
            if not standing:
                self.execute(f"create table logentic_raw.{table} ({', '.join(added)})")
                continue
            for column in added:
                self.execute(f"alter table logentic_raw.{table} add column {column}")

    @abstractmethod
    def raw_columns(self, table: str) -> dict[str, str]:
        """Return {column in lower case: column as a statement quotes it} of a raw table; empty if the table does not
        exist.
        """

    @abstractmethod
    def relations(self) -> dict[str, bool]:
        """Return {relation: whether it is a view} of the schemas of the models."""

    @abstractmethod
    def make_table(self, relation: str, sql: str, *, is_step: bool = False) -> int | None:
        """Create a table from a query, replacing an existing one; return its number of rows."""

    @abstractmethod
    def make_view(self, relation: str, sql: str) -> None:
        """Create a view of a query, replacing an existing one."""

    def make_empty(self, relation: str, columns: Mapping[str, str]) -> None:
        self.execute(f"create table {relation} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")

    @abstractmethod
    def replace_rows(self, relation: str, sql: str, condition: str) -> int | None:
        """Replace the rows that satisfy a condition by the rows of a query, in one transaction."""

    def content(self, relation: str) -> str:
        """Return a text that is equal for equal rows and columns; called only if there are `built_nodes`."""
        return ""

    def finish_table(self, relation: str) -> None:
        """Do what the engine requires after a table was written."""
        return

    def write_comments(self, descriptions: Mapping[str, Description]) -> None:
        """Write the descriptions of relations and columns, if the engine stores comments with its tables."""
        return

    def drop_table(self, relation: str) -> None:
        self.execute(f"drop table if exists {relation}")

    def drop_step(self, relation: str) -> None:
        if self.steps:
            self.drop_table(relation)

    @abstractmethod
    def remove_all_but(self, kept: Set[str]) -> None:
        """Drop the tables between raw tables and marts that no model of this version builds."""


class Destination(Protocol):
    """The protocol of a destination. The constructor does not connect; methods that are not abstract suit most
    destinations.
    """

    name: str  # for messages
    run_command: str  # the command that loads this destination
    publishes_file: bool = False  # whether --db names the file that analysts read, or only the state folder
    privacy_advice: str = "To remove them, load into a new database or folder."
    table_format: Literal["delta"] | None = None  # the format that dlt writes, where there is a choice
    dbt_target: str = ""  # the target whose plan is run; "" if no models are built
    needs_every_table: bool = False  # builds fail on a missing raw table instead of reading it as empty

    @abstractmethod
    def __init__(self, settings: Settings, state: State) -> None:
        """Raise `UsageError` if its credentials or its address are not set."""

    @classmethod
    def published_signature(cls, state: State) -> Signature | None:
        """Return the signature of the published file; None if there is no file, or it cannot be read."""
        return None

    @classmethod
    def working_database(cls, state: State) -> Path:
        """Return the DuckDB file that holds the raw tables, which can be rewritten in place."""
        raise UsageError("the destination has no DuckDB file whose raw tables can be rewritten", cls.privacy_advice)

    def shown_as(self, file: Path) -> str:
        """Return the user's name for it, given `file` as --db."""
        return self.name

    @abstractmethod
    def require_loaded(self) -> None:
        """Raise `UsageError` before the first run."""

    @abstractmethod
    def is_published(self) -> bool:
        """Return whether the tables that analysts read exist."""

    def published_version(self) -> str:
        """Return a text that changes if someone else changes the published tables; "" if that cannot be detected."""
        return ""

    def is_damaged(self) -> bool:
        """Return whether a block or a file of the raw tables cannot be read. Reads all of them."""
        return False

    def set_aside(self) -> str:
        """Move damaged parts aside, and return a sentence about it; `open` restores them."""
        raise AssertionError(self.name)

    def check_files(self, files: list[str]) -> None:
        """Raise `UnreadableFile` for a Parquet file that would be loaded but could not be read afterwards."""
        return

    @abstractmethod
    def remove_unfinished(self, pipeline: "dlt.Pipeline", reloaded: list[str]) -> None:
        """Remove rows of loads that are not complete, and second copies of rows of the `reloaded` load ids."""

    def locked(self, wait_seconds: float) -> AbstractContextManager[None]:
        """Allow one run at a time, on any machine; by default the lock of the state folder is enough."""
        return nullcontext()

    @abstractmethod
    def open(self, key: bytes | None, *, accept_new_key: bool) -> bool:
        """Make sure that it exists, is complete, and has our format and this pseudonym key.

        Return whether it is signed with this key: a new one is not yet.
        """

    def keep_open(self) -> AbstractContextManager[None]:
        """Keep it open for everything except the models, if opening it is expensive."""
        return nullcontext()

    @abstractmethod
    def sign(self, key: bytes | None) -> None:
        """Store the format and the fingerprint of the key."""

    @abstractmethod
    def raw(self) -> Query:
        """Return a query over the raw tables that does not import dlt."""

    @abstractmethod
    def dlt_destination(self) -> Any:
        """Return the dlt destination to load into."""

    def is_connection_loss(self, error: BaseException) -> bool:
        """Return whether a driver's error means a lost connection, so that the next run tries again."""
        return False

    @abstractmethod
    def load_audit_log(self) -> dict[str, int]:
        """Load the audit log into tables, and return the sizes of its files; see `synchronize_audit_log`."""

    @abstractmethod
    def add_run(self, row: Row) -> None:
        """Add the publishing run to the table of runs, before it has ended."""

    def models(self, *, keep_steps: bool = False) -> AbstractContextManager[Engine]:
        """Open the connection on which models are built; optionally keep the steps between raw tables and marts."""
        raise AssertionError(self.name)

    @abstractmethod
    def publish(self) -> int:
        """Publish the build in one step, and return its size in bytes."""


def _duckdb(settings: Settings) -> type[Destination]:
    from logentic.destinations.duckdb import DuckdbDestination

    return DuckdbDestination


def _postgres(settings: Settings) -> type[Destination]:
    from logentic.destinations.postgres.destination import PostgresDestination

    return PostgresDestination


def _filesystem(settings: Settings) -> type[Destination]:
    if settings.engine == "spark":
        from logentic.destinations.spark.destination import SparkDestination

        return SparkDestination
    from logentic.destinations.filesystem.destination import FilesystemDestination

    return FilesystemDestination


# By the names of the setting. Each function imports its destination only when it is chosen.
DESTINATIONS: dict[str, Callable[[Settings], type[Destination]]] = {
    "duckdb": _duckdb,
    "postgres": _postgres,
    "filesystem": _filesystem,
}


def destination_class(settings: Settings) -> type[Destination]:
    """Return the configured destination's class, without looking up credentials."""
    return DESTINATIONS[settings.destination](settings)


def destination_of(settings: Settings, state: State) -> Destination:
    """Return the configured destination."""
    return destination_class(settings)(settings, state)


def check_signature(
    where: str, signature: Signature | None, key: bytes | None, *, accept_new_key: bool = False
) -> bool:
    """Return whether it is signed with this key; refuse a newer format, and pseudonyms made with another key."""
    if signature is None:
        return False
    version, fingerprint = signature
    if version > FORMAT:
        raise StateError(
            f"{where} was written by a newer version (format {version}, this one writes {FORMAT})",
            "Upgrade logentic-elt, or name another file.",
        )
    if not accept_new_key:
        check_fingerprint(where, fingerprint, key)
    return fingerprint == key_fingerprint(key)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and restore their previous values at the end."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def forget_comparisons(state: State) -> None:
    """Remove packages and notes that were compared with rows that no longer exist, because they may lack changes."""
    shutil.rmtree(state.dlt, ignore_errors=True)
    for name in (DEFERRED_RECEIPTS, LOOKED_UP_ORDERS):
        state.forget_note(name)


def audit_log_sizes(state: State) -> dict[str, int]:
    """Return the sizes that decide whether there is something to publish. The run history is left out: each run adds a
    line.
    """
    return {audit_log.name: audit_log.size(state.folder) for audit_log in PUBLISHED_LOGS}


def synchronize_audit_log(
    state: State, read: Callable[[AuditLog], Iterable[Row]], write: Callable[[AuditLog], None]
) -> dict[str, int]:
    """Restore lines that only the destination's tables have, write all tables, and return the files' sizes.

    `read` returns the rows of a table, none if it is missing; `write` fills it with the rows of its file.
    """
    for audit_log in (*PUBLISHED_LOGS, RUNS):
        if audit_log is not RUNS or not RUNS.size(state.folder):  # its oldest lines are dropped on purpose
            audit_log.restore(state.folder, read(audit_log))
    sizes = audit_log_sizes(state)  # read before the rows, so that a line added meanwhile counts as new next time
    for audit_log in (*PUBLISHED_LOGS, RUNS):
        write(audit_log)
    return sizes
