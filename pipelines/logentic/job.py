"""The main job: load changes, build the models, publish."""

import gc
import json
import logging
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from math import inf
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from logentic.api.client import NO_TIME
from logentic.audit_log import Row
from logentic.destinations.base import Destination, audit_log_sizes, destination_of
from logentic.errors import StateError, UsageError
from logentic.events.event import pseudonymize_body
from logentic.events.inbox import EventInbox
from logentic.extract.reader import NO_PROGRESS, Progress
from logentic.extract.run import RunRequest, RunResult
from logentic.extract.stored_records import Stored
from logentic.extract.windows import DAY, midnight
from logentic.load import privacy_rewrite as privacy
from logentic.load.loader import load
from logentic.monitoring.alerts import send_due_alerts
from logentic.monitoring.run_history import read_runs, record_killed_run, record_run
from logentic.privacy.pseudonyms import Pseudonymizer, pseudonym_key
from logentic.resources import RESOURCES
from logentic.sanitizer import one_line
from logentic.settings import Settings, require_token
from logentic.state import State
from logentic.transform.build import Built, build, model_settings

log = logging.getLogger("logentic")
BUILT_NOTE = "built"  # load, day, settings and audit logs of the published tables


@dataclass
class JobOptions:
    """Options of a job. `start` and `end` are days, both included; `select` names resources."""

    start: date | None = None
    end: date | None = None
    select: frozenset[str] = frozenset(RESOURCES)
    extract: bool = True
    models: bool = True
    full_refresh: bool = False
    keep_steps: bool = False  # keep the tables between raw tables and marts, for debugging
    wait_seconds: float = 0
    max_seconds: float = inf  # no window is read after it; 0: one window of each resource
    accept_new_key: bool = False


@dataclass
class JobResult:
    shown: str  # the user's name of the published destination
    loaded: RunResult
    built: Built | None = None
    published_bytes: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class BuiltNote(BaseModel, extra="allow"):
    """The inputs of the published tables; models add what they depend on."""

    __pydantic_extra__: dict[str, str]
    load: str
    published: str
    journals: str


def run_job(
    settings: Settings,
    file: Path,
    options: JobOptions,
    progress: Progress = NO_PROGRESS,
    step: Callable[[str], None] = lambda name: None,
) -> JobResult:
    """Run the job under its locks, from the load to the published tables. Loaded rows stay, whatever fails later."""
    stop_at = time.monotonic() + options.max_seconds if options.max_seconds else NO_TIME
    if options.extract:
        require_token(settings)
    state = State(file.absolute())
    destination = destination_of(settings, state)
    if not options.extract:
        destination.require_loaded()
    state.prepare()
    with state.locked(options.wait_seconds), destination.locked(options.wait_seconds):
        was_killed = record_killed_run(state)
        if not options.extract:
            _require_complete_account(state)
        send_due_alerts(settings, state, is_beginning=True)
        try:
            with record_run(state) as record:
                attempt = partial(_run, settings, state, destination, options, stop_at, record, progress, step)
                result = _run_with_one_rebuild(destination, attempt, was_killed=was_killed)
                result.shown = destination.shown_as(file)
                return result
        finally:
            send_due_alerts(settings, state)


def _run_with_one_rebuild(
    destination: Destination, attempt: Callable[[ExitStack], JobResult], *, was_killed: bool
) -> JobResult:
    """Run; if the working database is damaged, run again with one restored from FILE.

    A damaged block may appear as any error, or end the process. The database is checked after both.
    """
    if was_killed and destination.is_damaged():
        _replace_damaged(destination)
    try:
        with ExitStack() as opened:
            return attempt(opened)
    except Exception as error:
        if isinstance(error, UsageError) or not destination.is_damaged():
            raise
        _clear_frames(error)
    _replace_damaged(destination)
    with ExitStack() as opened:
        return attempt(opened)


def _replace_damaged(destination: Destination) -> None:
    gc.collect()
    log.warning("%s", destination.set_aside())


def _clear_frames(error: BaseException) -> None:
    """Release the connections in an error's frames, because DuckDB reuses an open instance of a path."""
    inner: BaseException | None = error
    while inner is not None:
        traceback.clear_frames(inner.__traceback__)
        inner = inner.__cause__ or inner.__context__


def _run(
    settings: Settings,
    state: State,
    destination: Destination,
    options: JobOptions,
    stop_at: float,
    record: Row,
    progress: Progress,
    step: Callable[[str], None],
    opened: ExitStack,
) -> JobResult:
    key = pseudonym_key(settings, state.folder)
    is_signed = destination.open(key, accept_new_key=options.accept_new_key)
    opened.enter_context(destination.keep_open())
    inbox, retried = EventInbox(state), frozenset[str]()
    pseudonyms = Pseudonymizer(key, settings.hash_fields, settings.plain_fields)
    clock = _Stopwatch()
    result = JobResult(
        destination.name,
        RunResult(now=datetime.now(UTC), load_id=read_built(state).get("load", "")),
    )
    if options.extract:
        _warn_of_clear_values(state, destination, pseudonyms)
        request = RunRequest(
            settings,
            pseudonyms,
            state.folder,
            start=midnight(options.start) if options.start else None,
            end=midnight(options.end) + DAY if options.end else None,
            select=options.select,
            progress=progress,
            events=tuple(replace(event, body=pseudonymize_body(event.body, pseudonyms)) for event in inbox.read_new()),
            events_retried=inbox.ids_to_retry(),
            stop_at=stop_at,
        )
        step("extract and load")
        result.loaded = load(request, state)
        retried = request.events_retried
        if not is_signed:  # even if nothing is published
            destination.sign(key)
        clock.stop(result, "load")
    else:
        result.loaded = replace(result.loaded, rejected=_count_rejected(destination))
    record.update(_run_record(result))
    inputs = {
        "load": result.loaded.load_id,
        "published": destination.published_version(),
        "journals": json.dumps(audit_log_sizes(state)),
        **({"engine": destination.dbt_target, **_model_inputs(result, settings)} if options.models else {}),
    }
    new = inputs.items() - read_built(state).items()
    is_due = new or options.full_refresh or not options.extract or not destination.is_published()
    if result.loaded.unread:  # tables of an incomplete account would be wrong
        state.forget_note(BUILT_NOTE)
    elif is_due:
        state.forget_note(BUILT_NOTE)
        destination.sign(key)
        inputs["journals"] = json.dumps(destination.load_audit_log())
        if options.models and destination.dbt_target:
            opened.close()  # models have another memory limit
            step("build and check the models")
            result.built = build(
                settings,
                state,
                full_refresh=options.full_refresh,
                keep_steps=options.keep_steps,
                progress=progress.built,
            )
            clock.stop(result, "build")
        step("publish")
        record.update(_run_record(result, "published"))
        destination.add_run({**record, "ended_at": datetime.now(UTC)})
        result.published_bytes = destination.publish()
        clock.stop(result, "publish")
        record.update(_run_record(result, "published"))
        if result.built:
            record["slowest_models"] = result.built.slowest
        state.write_note(BUILT_NOTE, {**inputs, "published": destination.published_version()})
        inbox.mark_published(timedelta(hours=settings.webhook_duplicate_hours), retried)
    return result


def _count_rejected(destination: Destination) -> int:
    """Return the number of values that could not be read; refuse raw tables without columns that the models read."""
    raw = destination.raw()
    try:
        stored = Stored(raw)
        lacks_a_table = destination.needs_every_table and stored.lacks_a_table()
        if destination.dbt_target and (lacks_a_table or stored.lacks_columns()):
            raise StateError(
                f"{destination.name} was loaded by an earlier version: it lacks columns or tables that the models read",
                f"Run once: {destination.run_command}",
            )
        return len(stored.open_rejections())
    finally:
        raw.close()


def read_built(state: State) -> dict[str, str]:
    """Return the inputs of the published tables; empty if nothing is published."""
    note = state.read_note(BUILT_NOTE, BuiltNote)
    return note.model_dump() if note else {}


def _model_inputs(result: JobResult, settings: Settings) -> dict[str, str]:
    """Return the inputs of the models besides the load: the service's day, and settings."""
    day = result.loaded.now.astimezone(ZoneInfo(settings.timezone)).date()
    return {"day": str(day), "settings": json.dumps(model_settings(settings))}


def _warn_of_clear_values(state: State, destination: Destination, pseudonyms: Pseudonymizer) -> None:
    """Log the columns in which earlier versions stored personal data in clear."""
    if pseudonyms.key is None:
        return
    raw = destination.raw()
    try:
        columns = privacy.read_clear_columns(state, raw, pseudonyms)
    finally:
        raw.close()
    if columns:
        advice = destination.privacy_advice
        log.warning("clear values that an earlier version loaded: %s. %s", ", ".join(columns), advice)


def _require_complete_account(state: State) -> None:
    """Refuse to build after an interrupted run: the audit of an incomplete account would be wrong."""
    asked = [row for row in read_runs(state) if row.get("requests")]
    if asked and asked[-1]["outcome"] == "stopped":
        raise StateError(f"{state.file}: the last run was stopped before all was read", "Run again, then build.")


def _run_record(result: JobResult, ended: str = "unchanged") -> Row:
    """Return the fields of the run record."""
    loaded = result.loaded
    return {
        "service_time": loaded.now,
        "outcome": "failed" if loaded.failures else "stopped" if loaded.unread else ended,
        "error": "; ".join(" ".join(one_line(failure).split()) for failure in loaded.failures.values()) or None,
        "rows_new": sum(receipt["rows_new"] for receipt in loaded.receipts),
        "rows_changed": sum(receipt["rows_changed"] for receipt in loaded.receipts),
        "rows_removed": sum(receipt["rows_removed"] for receipt in loaded.receipts),
        "incomplete_windows": len(loaded.incomplete),
        "requests": loaded.traffic.requests,
        "retries": loaded.traffic.retries,
        "bytes": loaded.traffic.bytes,
        **{f"{step}_seconds": seconds for step, seconds in result.seconds.items()},
    }


class _Stopwatch:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def stop(self, result: JobResult, name: str) -> None:
        now = time.monotonic()
        result.seconds[name] = round(now - self._last, 2)
        self._last = now
