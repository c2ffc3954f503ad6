"""Extract, and load what is new: one dlt pipeline into the working database.

In: a `Run` and a locked `State`. Out: a `Loaded` that says what happened, by resource. Packages left by a run that was
killed are finished first. A long extraction is loaded every few minutes; each part begins where the receipts end.
Next: transform.py.
"""

import logging
import os
import shutil
import time
from dataclasses import dataclass, field
from typing import Any

from logentic.client import Traffic
from logentic.errors import LogenticError, StateError
from logentic.session import Run
from logentic.settings import Settings
from logentic.state import State

log = logging.getLogger("logentic")


@dataclass
class Loaded:
    """Rows by resource, as the receipts of this run count them."""

    now: Any = None
    receipts: list[dict[str, Any]] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    failures: dict[str, LogenticError] = field(default_factory=dict)
    finished_pending: bool = False

    @property
    def news(self) -> int:
        return sum(r["rows_new"] + r["rows_changed"] + r["rows_removed"] for r in self.receipts)

    @property
    def incomplete(self) -> list[dict[str, Any]]:
        return [receipt for receipt in self.receipts if not receipt["is_complete"]]


def load(run: Run, state: State) -> Loaded:
    """Everything that the run asks for, in as many packages as its length needs."""
    os.environ["DLT_DATA_DIR"] = str(state.dlt)
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")  # also where the user has a dlt configuration
    from dlt.pipeline.exceptions import PipelineStepFailed

    from logentic.recovery import forget_old_packages, recover
    from logentic.source import logentic_source

    pipeline = _open_pipeline(state, run.settings)
    loaded = Loaded()
    try:
        loaded.finished_pending = recover(pipeline)
        while True:
            run.begin_part()
            deadline = time.monotonic() + run.settings.load_every_seconds
            pipeline.run(logentic_source(run, lambda until=deadline: time.monotonic() < until))
            if not run.unread:
                break
        forget_old_packages(pipeline)
    except PipelineStepFailed as error:
        raise _cause(error) from error
    loaded.now, loaded.receipts, loaded.traffic, loaded.failures = run.now, run.receipts, run.traffic, run.failures
    return loaded


def _open_pipeline(state: State, settings: Settings) -> Any:
    """dlt's pipeline; its folder is made anew where it cannot be read: progress stands in the receipts, not there."""
    import dlt

    def attach() -> Any:
        pipeline = dlt.pipeline(
            "logentic",
            destination=dlt.destinations.duckdb(_credentials(state, settings)),
            dataset_name="logentic_raw",
            pipelines_dir=str(state.dlt),
        )
        pipeline.sync_destination()
        return pipeline

    try:
        return attach()
    except Exception:
        log.warning("the state that dlt keeps in %s cannot be read; it is made anew", state.dlt)
        shutil.rmtree(state.dlt, ignore_errors=True)
        return attach()


def _credentials(state: State, settings: Settings) -> Any:
    from dlt.destinations.impl.duckdb.configuration import DuckDbCredentials

    credentials = DuckDbCredentials(str(state.work))
    credentials.global_config = {"memory_limit": settings.duckdb_memory, "threads": 2}
    credentials.local_config = {"TimeZone": "UTC"}
    return credentials


def _cause(error: BaseException) -> BaseException:
    """Our own error, or the user's interrupt, within dlt's; or an error that says what dlt could not do."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, LogenticError | KeyboardInterrupt):
            return inner
        last, inner = inner, inner.__cause__ or inner.__context__
    reason = next(iter(str(last).splitlines()), "")
    return StateError(f"loading failed: {type(last).__name__}: {reason}", "Run again; --debug shows more.")
