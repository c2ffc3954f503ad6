"""The working database: made, taken up again from the published file, and signed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from logentic.database_file import is_duckdb, is_foreign, read_by_duckdb
from logentic.errors import StateError, first_line
from logentic.privacy.pseudonyms import check_fingerprint, key_fingerprint
from logentic.settings import Settings
from logentic.state import State

FORMAT = 1  # of the raw tables; a newer one is refused
SIGNATURE = "logentic_raw._logentic"


def open_work(state: State, settings: Settings, key: bytes | None, *, accept_new_key: bool = False) -> bool:
    """Make sure that the working database is there, whole, and ours to write; whether it is signed with this key.

    A damaged one is set aside and taken from FILE again; what FILE does not hold yet is read from the service again.
    """
    signature = None
    if state.work.exists():
        try:
            signature = _signature(state)
        except duckdb.Error:
            set_aside(state)
    if not state.work.exists():
        _forget_what_was_compared(state)
        _take_from_file(state, settings) if state.file.exists() else _make(state, settings)
        signature = _signature(state)
    return check_signature(str(state.file), signature, key, accept_new_key=accept_new_key)


@contextmanager
def kept_open(state: State, settings: Settings) -> Iterator[None]:
    """What opens the database meanwhile, dlt a dozen times, shares this opening of it: no reading of the catalogue, no
    checkpoint for each. Within the memory that the settings name, by one thread: a second one takes as much again.
    """
    with duckdb.connect(str(state.work)) as work:
        work.execute("set global memory_limit = ?", [settings.load_memory])
        work.execute("set global threads = 1")
        work.execute("set global preserve_insertion_order = false")
        yield


def check_signature(
    where: str, signature: tuple[int, str | None] | None, key: bytes | None, *, accept_new_key: bool = False
) -> bool:
    """Refuse a newer format, and other pseudonyms than those that are stored; whether it is signed as it shall be."""
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


def sign(state: State, key: bytes | None) -> None:
    """Note the format, and which key was used, in the database itself: it outlives the state folder."""
    with duckdb.connect(str(state.work)) as work:
        work.execute(f"create or replace table {SIGNATURE} (format integer, key_fingerprint varchar)")
        work.execute(f"insert into {SIGNATURE} values (?, ?)", [FORMAT, key_fingerprint(key)])


def _make(state: State, settings: Settings) -> None:
    """The storage version of a DuckDB file is chosen when it is made."""
    version = settings.duckdb_storage_version.replace("'", "")
    path = str(state.work).replace("'", "''")
    try:
        with duckdb.connect() as memory:
            memory.execute(f"attach '{path}' as work (storage_version '{version}')")
    except duckdb.Error as error:
        raise StateError(f"{state.work} cannot be made: {first_line(error)}", "Check duckdb_storage_version.") from None
    state.work.chmod(0o600)


def is_damaged(state: State, settings: Settings) -> bool:
    """Whether a block of the working database cannot be read. A copy is read: an instance that failed says no more."""
    copy = state.folder / "work.check"
    logs = [path.with_name(f"{path.name}.wal") for path in (state.work, copy)]
    try:
        shutil.copyfile(state.work, copy)
        if logs[0].exists():
            shutil.copyfile(*logs)
        duckdb.connect(str(copy)).close()  # replays the log
        read_all_blocks(copy, settings)
    except OSError:  # no space for the copy
        return False
    except duckdb.Error:
        return True
    finally:
        copy.unlink(missing_ok=True)
        logs[1].unlink(missing_ok=True)
    return False


def read_all_blocks(file: Path, settings: Settings) -> None:
    """Raise an error of DuckDB's where a block of a table does not have its checksum."""
    config: dict[str, Any] = {"memory_limit": settings.load_memory, "threads": 1, "temp_directory": ""}
    with duckdb.connect(str(read_by_duckdb(file)), read_only=True, config=config) as database:
        tables = database.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
        ).fetchall()
        for schema, table in tables:
            with suppress(duckdb.OutOfMemoryException):  # one value of many megabytes
                database.execute(f"select bit_xor(hash(t)) from {_quoted(schema)}.{_quoted(table)} as t")


def set_aside(state: State) -> Path:
    """Move a damaged working database out of the way, and say where to; the next one to open it makes another."""
    damaged = state.work.with_suffix(".damaged")
    if damaged.is_dir():
        shutil.rmtree(damaged)
    state.work.replace(damaged)
    state.work.with_suffix(".duckdb.wal").unlink(missing_ok=True)
    return damaged


def _forget_what_was_compared(state: State) -> None:
    """Packages and notes of a working database that is gone: rows that it held stand in none of them."""
    shutil.rmtree(state.dlt, ignore_errors=True)
    for name in ("held", "orders_asked"):
        state.forget_note(name)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _take_from_file(state: State, settings: Settings) -> None:
    if not is_duckdb(state.file) or is_foreign(state.file):
        raise _refused(state)
    partial = state.work.with_suffix(".partial")
    shutil.copyfile(state.file, partial)
    partial.chmod(0o600)
    partial.replace(state.work)
    try:
        with duckdb.connect(str(state.work)) as work:
            work.execute("select 1 from logentic_raw.extract_windows limit 1")
        read_all_blocks(state.work, settings)
    except duckdb.Error:
        state.work.unlink()
        raise _refused(state) from None


def _refused(state: State) -> StateError:
    return StateError(
        f"{state.file} is not a file that logentic published, or it is damaged",
        "Restore it from a backup; or move it away, or name another file: then everything is read again, without"
        " the versions that only this file holds.",
    )


def published_signature(file: Path) -> tuple[int, str | None] | None:
    """The signature of a published file; None where there is none, or where it cannot be read."""
    if not is_duckdb(file):
        return None
    try:
        with duckdb.connect(str(read_by_duckdb(file)), read_only=True) as published:
            return published.execute(f"select format, key_fingerprint from {SIGNATURE}").fetchone()
    except duckdb.Error:
        return None


def _signature(state: State) -> tuple[int, str | None] | None:
    """None where it was never signed; an error of DuckDB's where it is damaged."""
    with duckdb.connect(str(state.work)) as work:
        work.execute("select count(*) from duckdb_tables()")
        try:
            return work.execute(f"select format, key_fingerprint from {SIGNATURE}").fetchone()
        except duckdb.CatalogException:
            return None
