"""Record each run in the run history, including killed ones."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel

from logentic.audit_log import RUNS, Row
from logentic.errors import LogenticError
from logentic.sanitizer import one_line
from logentic.state import State

UNDER_WAY_NOTE = "under_way"
COUNTS = ("rows_new", "rows_changed", "rows_removed", "incomplete_windows", "requests", "error")
COMPLETE_OUTCOMES = ("published", "unchanged")  # the tables are as of the run


class UnderWay(BaseModel):
    """The run that holds the lock."""

    event_id: str
    started_at: AwareDatetime


def read_runs(state: State) -> list[Row]:
    """Return the recorded runs, oldest first."""
    needed = {"event_id": str, "started_at": datetime, "outcome": str}
    found = RUNS.read(state.folder)
    rows = [row for row in found if all(isinstance(row.get(name), kind) for name, kind in needed.items())]
    return sorted(({**dict.fromkeys(COUNTS), **row} for row in rows), key=lambda row: row["started_at"])


def record_killed_run(state: State) -> bool:
    """Record a killed run, which left its note without a record; return whether there was one. Call only while holding
    the lock.
    """
    left = state.read_note(UNDER_WAY_NOTE, UnderWay)
    if left and left.event_id not in {row["event_id"] for row in read_runs(state)}:
        state.log_run({**left.model_dump(), "outcome": "killed", "error": "the process ended before the run did"})
    state.forget_note(UNDER_WAY_NOTE)
    return bool(left)


@contextmanager
def record_run(state: State) -> Iterator[Row]:
    """Yield the record of a run for the job to fill in; write it however the run ends."""
    row: Row = {"event_id": uuid4().hex, "started_at": datetime.now(UTC)}
    state.write_note(UNDER_WAY_NOTE, row)
    try:
        yield row
    except BaseException as error:
        row["outcome"] = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        row["error"] = _describe_error(error)
        raise
    finally:
        state.log_run({**row, "ended_at": datetime.now(UTC), "peak_memory_mb": _peak_memory_mb()})
        state.forget_note(UNDER_WAY_NOTE)


def _describe_error(error: BaseException) -> str:
    """Return the message of one of our errors, which hold neither token nor personal data; else only the type."""
    return (
        " ".join(one_line(error).split()) if isinstance(error, LogenticError) else f"unexpected {type(error).__name__}"
    )


def _peak_memory_mb() -> float:
    """Return this process's peak memory; Linux reports KiB, macOS bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)
