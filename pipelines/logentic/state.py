"""Manage the state folder beside the published file, which holds everything that the product stores for itself."""

import fcntl
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logentic.atomic_write import remove_partial_files, replace_file
from logentic.audit_log import RUNS
from logentic.database_file import followed, reached, require_file, written_folder
from logentic.errors import StateError, UsageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

log = logging.getLogger("logentic")
# Notes that are valid only together with the raw rows they were written with.
DEFERRED_RECEIPTS = "held"
LOOKED_UP_ORDERS = "orders_asked"

RUNS_KEPT = 365 * 24
LOGGED_WAIT_SECONDS = 10  # a longer wait is logged


@dataclass(frozen=True)
class State:
    """The paths of a published file and its state folder, FILE.state.

    `file` has its links resolved. `work`, `dlt` and `dbt` are paths that the engines accept.
    """

    file: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", followed(self.file))

    @property
    def folder(self) -> Path:
        return self.file.with_name(self.file.name + ".state")

    @property
    def work(self) -> Path:
        """The database that dlt and the models write; its copy is published."""
        return written_folder(self.folder) / "work.duckdb"

    @property
    def dlt(self) -> Path:
        return written_folder(self.folder / "dlt", by_dlt=True)

    @property
    def set_aside(self) -> Path:
        """The newest packages that could not be loaded."""
        return self.folder / "set_aside"

    @property
    def dbt(self) -> Path:
        return reached(self.folder / "dbt")

    def has_packages(self) -> bool:
        """Return whether dlt has packages that are not loaded or not fully extracted."""
        folders = ("normalize/extracted", "normalize/extracted_new", "load/new", "load/normalized")
        return any(next((self.dlt / "logentic" / folder).glob("*"), None) for folder in folders)

    @property
    def events(self) -> Path:
        """The queue of received events."""
        return self.folder / "events"

    def prepare(self) -> None:
        """Create the folder, readable by its owner only."""
        require_file(self.file)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if not os.access(self.folder, os.W_OK) or not os.access(self.file.parent, os.W_OK):
                raise PermissionError(13, "no permission to write")
        except OSError as error:
            raise UsageError(
                f"--db {self.file}: {error.strerror or error}", "Choose a file in a folder that you may write to."
            ) from None

    @contextmanager
    def locked(
        self, wait_seconds: float = 0, name: str = "lock", what: str = "another run is in progress"
    ) -> Iterator[None]:
        """Hold the lock while one run works; wait up to `wait_seconds` for another one, then raise `StateError`."""
        with (self.folder / name).open("a+") as lock:
            deadline, is_logged = time.monotonic() + wait_seconds, wait_seconds <= LOGGED_WAIT_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise StateError(
                            f"{what} on {self.file}", "Let it finish, or wait for it: --wait SECONDS."
                        ) from None
                    if not is_logged:
                        is_logged = True
                        log.warning("%s on %s: waiting for it, for %g s at most", what, self.file, wait_seconds)
                    time.sleep(min(0.2, max(deadline - time.monotonic(), 0.01)))
            remove_partial_files(self.folder)
            yield

    def read_note(self, name: str, kind: Any = dict[str, Any]) -> Any:
        """Return a small record stored between runs, of the given type; empty if there is none.

        A note that cannot be read, or has another type, counts as none: a warning is logged, and the file is removed.
        """
        path = self.folder / f"{name}.json"
        try:
            return _adapter(kind).validate_python(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:  # pydantic's error is a ValueError
            _warn_once(path)
            if not isinstance(error, PermissionError):
                with suppress(OSError):  # a reader may not own the folder
                    self.forget_note(name)
            return {}

    def log_run(self, record: dict[str, Any]) -> None:
        """Append a run to the run history, which keeps a year of hourly runs."""
        RUNS.append(self.folder, [record])
        RUNS.keep_last(self.folder, RUNS_KEPT)

    def last_run(self) -> dict[str, Any]:
        """Return the newest run; empty before the first one."""
        return next(reversed(RUNS.read(self.folder)), {})

    def write_note(self, name: str, note: dict[str, Any]) -> None:
        path = self.folder / f"{name}.json"
        _remove_folder(path)
        replace_file(path, json.dumps(note, indent=1, default=str).encode())

    def forget_note(self, name: str) -> None:
        _remove_folder(self.folder / f"{name}.json")
        (self.folder / f"{name}.json").unlink(missing_ok=True)


@cache
def _adapter(kind: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


@cache
def _warn_once(path: Path) -> None:
    log.warning("%s is damaged and was ignored", path)


def _remove_folder(path: Path) -> None:
    """Remove a folder that occupies the path of a note."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
