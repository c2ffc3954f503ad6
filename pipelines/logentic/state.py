"""The state folder beside the published file: everything that the product keeps and no analyst opens.

In: FILE. Out: a locked `State` with the paths of the working database, dlt's folder, dbt's folder and the hash key.
Next: load.py.
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from logentic.errors import StateError, UsageError
from logentic.journal import RUNS
from logentic.personal import Pseudonyms
from logentic.settings import Settings

RUNS_KEPT = 365 * 24


@dataclass(frozen=True)
class State:
    """`file` is what analysts open; `folder`, FILE.state, is ours alone."""

    file: Path

    @property
    def folder(self) -> Path:
        return self.file.with_name(self.file.name + ".state")

    @property
    def work(self) -> Path:
        """The database that dlt and dbt write; its copy is published."""
        return self.folder / "work.duckdb"

    @property
    def dlt(self) -> Path:
        return self.folder / "dlt"

    @property
    def dbt(self) -> Path:
        return self.folder / "dbt"

    def prepare(self) -> None:
        """Make the folder, readable by its owner only."""
        if self.file.is_dir():
            raise UsageError(f"--db {self.file} is a folder", "Name a file, such as logentic.duckdb.")
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
    def locked(self, wait_seconds: float = 0) -> Iterator[None]:
        """One run at a time; a second one waits so long, then leaves."""
        with (self.folder / "lock").open("a+") as lock:
            deadline = time.monotonic() + wait_seconds
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise StateError(
                            f"another run is at work on {self.file}",
                            "Let it finish, or wait for it: --wait SECONDS.",
                        ) from None
                    time.sleep(min(0.2, max(deadline - time.monotonic(), 0.01)))
            yield

    def read_note(self, name: str) -> dict[str, Any]:
        """A small record kept between runs; empty where there is none, or one that cannot be read."""
        try:
            note = json.loads((self.folder / f"{name}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def log_run(self, record: dict[str, Any]) -> None:
        """One line for each run, the newest last; no more than a year of hourly runs."""
        RUNS.append(self.folder, [record])
        RUNS.keep_last(self.folder, RUNS_KEPT)

    def last_run(self) -> dict[str, Any]:
        """The newest line; empty before the first run."""
        return next(reversed(RUNS.read(self.folder)), {})

    def write_note(self, name: str, note: dict[str, Any]) -> None:
        path = self.folder / f"{name}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(note, indent=1, default=str), "utf-8")
        partial.replace(path)

    def forget_note(self, name: str) -> None:
        (self.folder / f"{name}.json").unlink(missing_ok=True)


def pseudonyms(settings: Settings, folder: Path) -> Pseudonyms:
    """Hashes keyed as the settings say, else by the key that the folder keeps."""
    return Pseudonyms(hash_key(settings, folder), settings.hash_fields, settings.plain_fields)


def hash_key(settings: Settings, folder: Path) -> bytes | None:
    """32 bytes; None where personal data are kept as they are."""
    if settings.keep_personal_data:
        return None
    given = settings.hash_key.get_secret_value()
    return blake2b(given.encode(), digest_size=32).digest() if given else keep_key(folder)


def keep_key(folder: Path) -> bytes:
    """The key of the hashes of personal data, made once, readable by its owner only."""
    path = folder / "hash_key"
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError:
        key = secrets.token_bytes(32)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key.hex())
    except ValueError:
        raise StateError(f"{path} is damaged", "Restore it, or set LOGENTIC_HASH_KEY.") from None
    return key
