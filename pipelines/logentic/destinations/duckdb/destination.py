"""One DuckDB file, beside the working database that it is a copy of."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from logentic.audit_log import Row
from logentic.destinations.duckdb import working_database as work
from logentic.destinations.duckdb.audit_tables import add_run, load_journals
from logentic.destinations.duckdb.publishing import publish
from logentic.errors import StateError, UsageError
from logentic.extract.stored_records import RawFile
from logentic.settings import Settings
from logentic.state import State


class DuckdbPlace:
    target, database = "duckdb", ""
    table_format: Literal["delta"] | None = None

    def __init__(self, settings: Settings, state: State) -> None:
        self._settings, self._state = settings, state
        self.what = str(state.file)

    def require_loaded(self) -> None:
        if not self._state.file.exists() and not self._state.work.exists():
            raise UsageError(f"--db {self.what} does not exist", f"Make it: logentic run --db {quote(str(self.what))}")

    def is_published(self) -> bool:
        return self._state.file.exists()

    def published_version(self) -> str:
        if not self._state.file.exists():
            return ""
        found = self._state.file.stat()
        return f"{found.st_size} bytes, {found.st_mtime_ns}"

    def is_damaged(self) -> bool:
        return self._state.work.exists() and work.is_damaged(self._state, self._settings)

    def set_aside(self) -> str:
        damaged = work.set_aside(self._state)
        if any(link.startswith(str(damaged)) for link in _open_files()):
            raise StateError(
                f"the working database was damaged and is set aside as {damaged}", "Run again: it is made from FILE."
            )
        return f"the working database was damaged: it is set aside as {damaged} and made again from FILE"

    def check_files(self, files: list[str]) -> None:
        """To load them is to read them."""

    def remove_orphans(self) -> None:
        """recovery.py deletes their rows."""

    def locked(self, wait_seconds: float) -> nullcontext[None]:
        """The lock of the state folder suffices: the file lies beside it."""
        return nullcontext()

    def open(self, key: bytes | None, *, accept_new_key: bool) -> bool:
        return work.open_work(self._state, self._settings, key, accept_new_key=accept_new_key)

    def kept_open(self) -> AbstractContextManager[Any]:
        return work.kept_open(self._state, self._settings)

    def sign(self, key: bytes | None) -> None:
        work.sign(self._state, key)

    def raw(self) -> RawFile:
        return RawFile(self._state.work, read_only=False)

    def dlt_destination(self) -> Any:
        import dlt
        from dlt.common.destination.configuration import ParquetFormatConfiguration
        from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

        credentials = DuckDbCredentials(str(self._state.work))
        credentials.resolve()  # here, once, and not by dlt 50 times in a load
        # What is loaded the next moment, on the same disk, is not worth compressing.
        return dlt.destinations.duckdb(credentials, parquet_format=ParquetFormatConfiguration(compression="none"))

    def load_journals(self) -> dict[str, int]:
        return load_journals(self._state)

    def add_run(self, row: Row) -> None:
        add_run(self._state, row)

    @contextmanager
    def dbt(self, *, only_parse: bool = False) -> Iterator[None]:
        """dbt-duckdb keeps its connection until the process ends; a second run would read what that remembers.

        A parse opens nothing, and is the same for all files: none is named.
        """
        work, memory = str(self._state.work), self._settings.duckdb_memory
        os.environ.update(
            LOGENTIC_DB=self._state.work.name if only_parse else work,
            LOGENTIC_MEMORY_LIMIT="" if only_parse else memory,
        )
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager

        try:
            yield
        finally:
            if environment := DuckDBConnectionManager._ENV:
                environment.close()
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]

    def publish(self) -> int:
        return publish(self._state, self._settings)


def _open_files() -> list[str]:
    """Of this process, where the system says. DuckDB gives a path the instance that is open, also of a moved file."""
    try:
        return [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]  # noqa: PTH115
    except OSError:
        return []
