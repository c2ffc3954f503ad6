"""Publishing: the checked build becomes FILE, whole, in one step."""

import os
import shutil

import duckdb

from logentic.database_file import is_foreign
from logentic.destinations.duckdb.working_database import read_all_blocks
from logentic.errors import StateError, first_line
from logentic.settings import Settings
from logentic.state import State


def publish(state: State, settings: Settings) -> int:
    """Copy the working database, read all blocks of the copy and swap it in; the size of FILE in bytes."""
    if state.file.exists() and is_foreign(state.file):
        raise StateError(
            f"{state.file} is not a file that logentic published, and is not replaced",
            "Move it away, then run again: what was loaded stays.",
        )
    partial = state.file.with_name(f".{state.file.name}.partial")
    try:
        if state.work.with_name(f"{state.work.name}.wal").exists():  # else all of it stands in the one file
            with duckdb.connect(str(state.work)) as work:
                work.execute("checkpoint")
        partial.unlink(missing_ok=True)
        partial.touch(0o640)  # before the first byte: nobody else may read it, not even for a moment
        shutil.copyfile(state.work, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        read_all_blocks(partial, settings)
        partial.replace(state.file)
        return state.file.stat().st_size
    except (OSError, duckdb.Error) as error:
        partial.unlink(missing_ok=True)
        raise StateError(
            f"{state.file} could not be published: {first_line(error)}",
            "The file that stood there is untouched. Free space, then run again.",
        ) from None
