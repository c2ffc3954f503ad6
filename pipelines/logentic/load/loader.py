"""Extract and load what is new: one dlt pipeline into the configured destination."""

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel

from logentic.api.client import Client, Traffic
from logentic.destinations.base import Destination, destination_of
from logentic.errors import LogenticError, StateError, UnreadableFile, is_out_of_memory
from logentic.extract.run import RunRequest, RunResult, RunState
from logentic.extract.session import Session
from logentic.extract.stored_records import Stored
from logentic.resources import INTEGER, MOMENT, ORDERS, RECEIPTS, RESOURCES, TRUTH
from logentic.settings import Settings
from logentic.state import DEFERRED_RECEIPTS, LOOKED_UP_ORDERS, State

log = logging.getLogger("logentic")

NEVER_NULL = {
    *("window_id", "run_id", "resource", "filter", "window_start", "window_end", "started_at", "finished_at"),
    *("rows_read", "distinct_keys", "rows_new", "rows_changed", "rows_removed", "requests", "bytes"),
    *("is_complete", "is_confirmed"),
}


class LookedUpOrders(BaseModel):
    ids: list[int]


def load(request: RunRequest, state: State) -> RunResult:
    """Load what the request asks for, in as many packages as its length needs.

    Each session reads until the first change. Only then is dlt started, which takes the rest from the session; without
    a change the receipts are deferred.
    """
    run, traffic, receipts = RunState(), Traffic(), list[dict[str, Any]]()
    new_client = partial(Client, request.settings, traffic, stop_at=request.stop_at, lists=set())
    destination = destination_of(request.settings, state)
    stored = Stored(destination.raw())
    loader = DltLoader(request.settings, state, destination)
    named, read_twice = set[int](), set[str]()  # order ids; resources with a package that could not be loaded once
    finished_pending = False
    try:
        if state.has_packages() or stored.has_orphans():
            stored.close()
            finished_pending = loader.recover()
        loads, is_due = stored.loads(), stored.lacks_columns() or stored.lacks_a_table()
        deferred = read_deferred_receipts(state, loads)
        looked_up = state.read_note(LOOKED_UP_ORDERS, LookedUpOrders)
        asked = set(looked_up.ids if looked_up else ())
        while True:
            go_on = _for_seconds(min(request.settings.load_every_seconds, request.seconds_left()))
            session = Session.open(
                new_client(), request, stored, run, deferred=deferred, named_orders=named, go_on=go_on
            )
            try:
                if session.read_until_change() or is_due or not loads or _are_of_days_past(session):
                    stored.close()
                    receipts += loader.load(session)
                    loads, deferred, is_due = stored.loads(), [], False
                    state.forget_note(DEFERRED_RECEIPTS)
                else:
                    unchanged = _receipts_of(session)
                    receipts += unchanged
                    deferred = [*session.deferred, *unchanged]
            except NotLoaded as failure:
                failures = _require_another_way(session, failure, is_first=failure.resource not in read_twice)
                run = replace(run, now=session.now, failures=failures)
                read_twice.add(failure.resource)
                loads = stored.loads()
                continue
            finally:  # also at an interrupt: requests in flight would keep the process alive
                session.close()
            run = session.outcome()
            asked |= named & run.orders_asked
            named = set() if run.unread or not session.reads(ORDERS.name) else stored.named_orders() - asked
            if request.seconds_left() <= 0 or not (run.unread or named):
                break
        state.write_note(LOOKED_UP_ORDERS, {"ids": sorted(asked)})
        if deferred:
            state.write_note(DEFERRED_RECEIPTS, {"after": loads[-1], "receipts": deferred})
        rejected = len(stored.open_rejections())
    finally:
        stored.close()
    return RunResult(
        finished_pending=finished_pending,
        rejected=rejected,
        load_id=loads[-1],
        unread=sorted(run.unread),
        now=run.now,
        receipts=receipts,
        traffic=traffic,
        failures=run.failures,
    )


def _require_another_way(session: Session, failure: "NotLoaded", *, is_first: bool) -> dict[str, LogenticError]:
    """Let a resource be read a second time; after that it fails, and the others are loaded without it."""
    if is_first:
        return session.failures
    if not session.reads(failure.resource):
        raise failure
    return {**session.failures, failure.resource: failure}


def _receipts_of(session: Session) -> list[dict[str, Any]]:
    """Return the receipts of an extraction without changes."""
    batches = (batch for resource in RESOURCES.values() for batch in session.batches(resource))
    return [row for batch in batches if batch for row in batch.receipts]


def _for_seconds(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline


def _are_of_days_past(session: Session) -> bool:
    """Return whether a deferred receipt is from an earlier day: receipts are deferred for one day at most."""
    return any(row["finished_at"].date() < session.now.date() for row in session.deferred)


def read_deferred_receipts(state: State, loads: list[str]) -> list[dict[str, Any]]:
    """Return the deferred receipts, if the load that they were compared with is among `loads`."""
    note = state.read_note(DEFERRED_RECEIPTS, _deferred_type())
    if not note or note.after not in loads:
        return []
    return [row.model_dump() for row in note.receipts]


@cache
def _deferred_type() -> Any:
    """Return the type of the note."""
    from pydantic import AwareDatetime, Field, create_model

    integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]
    types: dict[Any, Any] = {INTEGER: integer, MOMENT: AwareDatetime, TRUTH: bool}
    columns: dict[str, Any] = {}
    for column in RECEIPTS:
        kind = types.get(column.type, str)
        columns[column.name] = (kind, ...) if column.name in NEVER_NULL else (kind | None, None)
    receipt = create_model("DeferredReceipt", **columns)
    fields: dict[str, Any] = {"after": (str, ...), "receipts": (list[receipt], ...)}  # type: ignore[valid-type]
    return create_model("DeferredReceipts", **fields)


class NotLoaded(StateError):
    """A package that dlt could not load and that was moved aside; `resource` is "" if dlt names no table."""

    def __init__(self, resource: str, message: str, guidance: str) -> None:
        super().__init__(message, guidance)
        self.resource = resource


class DltLoader:
    """Load with dlt; it is imported only when needed, because that costs more than a run without changes."""

    def __init__(self, settings: Settings, state: State, destination: Destination) -> None:
        self._settings, self._state, self._destination = settings, state, destination
        self._pipeline: Any = None

    def recover(self) -> bool:
        """Finish the load of an earlier run. A package that cannot be loaded again is moved aside."""
        from dlt.pipeline.exceptions import PipelineStepFailed

        from logentic.load.recovery import recover

        try:
            return recover(self._opened(), self._destination)
        except PipelineStepFailed as error:
            if _is_passing(error, self._destination) or self._destination.is_damaged():
                raise _cause(error) from error
            self._set_aside(error)
            return False

    def load(self, session: Session) -> list[dict[str, Any]]:
        """Load the changes found by the session and those still to be read; return their receipts."""
        from dlt.pipeline.exceptions import PipelineStepFailed

        from logentic.load.recovery import forget_old_packages
        from logentic.load.source import SharedSession, logentic_source

        pipeline, shared = self._opened(), SharedSession(session)
        try:
            pipeline.extract(logentic_source(shared), table_format=self._destination.table_format)
            pipeline.normalize()
            self._destination.check_files(_files_to_load(pipeline))
            pipeline.load()
        except (PipelineStepFailed, UnreadableFile) as error:
            step = getattr(error, "step", "load")
            if step == "extract" or _is_passing(error, self._destination) or self._destination.is_damaged():
                raise _cause(error) from error
            raise self._set_aside(error) from error
        forget_old_packages(pipeline)
        return shared.receipts

    def _set_aside(self, error: BaseException) -> NotLoaded:
        """Move packages that are not loaded aside, with dlt's state of them."""
        from logentic.load.recovery import recover, set_packages_aside

        packages = set_packages_aside(self._state)
        self._pipeline = None
        recover(self._opened(), self._destination)  # deletes the rows of the package that were loaded
        table = _table_of(error)
        resource = next((r.name for r in RESOURCES.values() if r.lines and r.lines.table == table), table)
        reason = _cause(error)
        guidance = getattr(reason, "guidance", "")
        if is_out_of_memory(reason):
            guidance = f"Set LOGENTIC_LOAD_MEMORY to more than {self._settings.load_memory}."
        log.warning(
            "package %s was not loaded and is set aside in %s: %s; its rows are read again%s",
            ", ".join(path.name for path in packages),
            self._state.set_aside,
            " ".join(str(reason).split()),
            f". {guidance}" if is_out_of_memory(reason) else "",
        )
        return NotLoaded(resource, f"{resource or 'a package'}: {reason}", guidance)

    def _opened(self) -> Any:
        if self._pipeline is None:
            os.environ["DLT_DATA_DIR"] = str(self._state.dlt)
            os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")  # also if the user has a dlt configuration
            self._pipeline = _open_pipeline(self._state, self._destination)
        return self._pipeline


def _open_pipeline(state: State, destination: Destination) -> Any:
    """Return dlt's pipeline. If its folder cannot be read, recreate it: progress is in the receipts, not there."""
    import dlt

    def attach() -> Any:
        pipeline = dlt.pipeline(
            "logentic",
            destination=destination.dlt_destination(),
            dataset_name="logentic_raw",
            pipelines_dir=str(state.dlt),
        )
        pipeline.sync_destination()
        return pipeline

    try:
        return attach()
    except Exception:
        log.warning("the state that dlt keeps in %s cannot be read; it is made anew", state.folder / "dlt")
        shutil.rmtree(state.dlt, ignore_errors=True)
        return attach()


def _files_to_load(pipeline: Any) -> list[str]:
    """Return the Parquet files of the packages to load."""
    folder = Path(pipeline.working_dir) / "load" / "normalized"
    return sorted(str(path) for path in folder.glob("*/new_jobs/*.parquet"))


def _is_passing(error: BaseException, destination: Destination) -> bool:
    """Return whether the cause is outside the package and may be gone by the next run: a full disk, a lost
    connection.
    """
    full = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EIO}
    return any(
        (isinstance(inner, LogenticError) and not isinstance(inner, UnreadableFile))
        or destination.is_connection_loss(inner)
        or isinstance(inner, ConnectionError | KeyboardInterrupt | TimeoutError)
        or (isinstance(inner, OSError) and inner.errno in full)
        or any(os.strerror(number) in str(inner) for number in full)
        for inner in _chain(error)
    )


def _table_of(error: BaseException) -> str:
    """Return the table whose file could not be loaded; "" if no error names one."""
    jobs = [str(getattr(inner, "job_id", "") or "") for inner in _chain(error)]
    jobs += [inner.file for inner in _chain(error) if isinstance(inner, UnreadableFile)]
    return next((job.partition(".")[0] for job in jobs if job), "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inner = getattr(inner, "client_exception", None) or inner.__cause__ or inner.__context__


def _cause(error: BaseException) -> BaseException:
    """Return our own error, or the user's interrupt, inside dlt's; otherwise an error that quotes dlt's message."""
    for inner in _chain(error):
        if isinstance(inner, LogenticError | KeyboardInterrupt):
            return inner
        last = inner
    reason = next(iter(str(last).splitlines()), "")
    guidance = "Set LOGENTIC_LOAD_MEMORY to more." if is_out_of_memory(reason) else "Run again; --debug shows more."
    return StateError(f"loading failed: {type(last).__name__}: {reason}", guidance)
