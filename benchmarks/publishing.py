"""Measure what publishing costs, compared with a copy of the same file that is as safe on the disk."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from logentic.destinations.duckdb import DuckdbDestination
from logentic.settings import Settings
from logentic.state import State


def publish(state: State) -> None:
    DuckdbDestination(Settings(), state).publish()


def copy(state: State) -> None:
    target = state.folder / "copy.duckdb"
    shutil.copyfile(state.work, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    target.unlink()


def timed(what: str, step: Callable[[State], object], state: State) -> dict[str, object]:
    cpu, wall = time.process_time(), time.monotonic()
    step(state)
    return {
        "what": what,
        "cpu": round(time.process_time() - cpu, 4),
        "wall": round(time.monotonic() - wall, 4),
        "file_mb": round(state.work.stat().st_size / 2**20, 1),
    }


if __name__ == "__main__":
    published = State(Path(sys.argv[1]))
    publish(published)
    rounds = range(int(sys.argv[2]))
    print(
        json.dumps(
            [run for _ in rounds for run in (timed("publish", publish, published), timed("copy", copy, published))]
        )
    )
