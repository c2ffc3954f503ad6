"""The main job: load what is new, build the models, publish."""

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

from logentic.api.client import NO_TIME
from logentic.audit_log import Row
from logentic.destinations.base import Destination, audit_log_sizes, destination_of
from logentic.errors import StateError, UsageError
from logentic.events.event import pseudonymized_body
from logentic.events.inbox import Inbox
from logentic.extract.reader import NO_PROGRESS, Progress
from logentic.extract.run import RunRequest, RunResult
from logentic.extract.stored_records import Stored
from logentic.extract.windows import DAY, midnight
from logentic.load import privacy_rewrite as privacy
from logentic.load.loader import load
from logentic.monitoring.alerts import tell
from logentic.monitoring.run_history import note_killed, recorded, runs
from logentic.privacy.pseudonyms import Pseudonymizer, pseudonym_key
from logentic.resources import RESOURCES
from logentic.sanitizer import one_line
from logentic.settings import Settings, require_token
from logentic.state import State
from logentic.transform.build import Built, build, model_settings

log = logging.getLogger("logentic")
BUILT = dict[str, str]  # the note of what the published tables were built from


@dataclass
class Options:
    """`start` and `end` are days, both included; `select` names resources."""

    start: date | None = None
    end: date | None = None
    select: frozenset[str] = frozenset(RESOURCES)
    extract: bool = True
    models: bool = True
    full_refresh: bool = False
    keep_steps: bool = False  # the tables between raw tables and marts, for whoever looks for a mistake
    wait_seconds: float = 0
    max_seconds: float = inf  # nothing is read after it; 0: one window of each resource
    accept_new_key: bool = False


@dataclass
class Outcome:
    shown: str  # what it published, as the user calls it
    loaded: RunResult
    built: Built | None = None
    published_bytes: int | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def run_job(
    settings: Settings,
    file: Path,
    options: Options,
    progress: Progress = NO_PROGRESS,
    step: Callable[[str], None] = lambda name: None,
) -> Outcome:
    """One run, from the lock to the published file. What was loaded stays, whatever fails after it."""
    stop_at = time.monotonic() + options.max_seconds if options.max_seconds else NO_TIME
    if options.extract:
        require_token(settings)
    state = State(file.absolute())
    destination = destination_of(settings, state)
    if not options.extract:
        destination.require_loaded()
    state.prepare()
    with state.locked(options.wait_seconds), destination.locked(options.wait_seconds):
        was_killed = note_killed(state)
        if not options.extract:
            _refuse_half_an_account(state)
        tell(settings, state, is_beginning=True)
        try:
            with recorded(state) as line:
                attempt = partial(_run, settings, state, destination, options, stop_at, line, progress, step)
                outcome = _with_one_rebuild(destination, attempt, was_killed=was_killed)
                outcome.shown = destination.shown_as(file)
                return outcome
        finally:
            tell(settings, state)


def _with_one_rebuild(
    destination: Destination, attempt: Callable[[ExitStack], Outcome], *, was_killed: bool
) -> Outcome:
    """Run; where the working database turns out to be damaged, begin again with one that is made from FILE.

    A damaged block may show as any error, or end the process: the database is read through after both.
    """
    if was_killed and destination.is_damaged():
        _set_aside(destination)
    try:
        with ExitStack() as opened:
            return attempt(opened)
    except Exception as error:
        if isinstance(error, UsageError) or not destination.is_damaged():
            raise
        _clear_frames(error)
    _set_aside(destination)
    with ExitStack() as opened:
        return attempt(opened)


def _set_aside(destination: Destination) -> None:
    gc.collect()
    log.warning("%s", destination.set_aside())


def _clear_frames(error: BaseException) -> None:
    """Let go of the connections that the frames of an error hold: DuckDB gives a path the instance that is open."""
    inner: BaseException | None = error
    while inner is not None:
        traceback.clear_frames(inner.__traceback__)
        inner = inner.__cause__ or inner.__context__


def _run(
    settings: Settings,
    state: State,
    destination: Destination,
    options: Options,
    stop_at: float,
    line: Row,
    progress: Progress,
    step: Callable[[str], None],
    opened: ExitStack,
) -> Outcome:
    key = pseudonym_key(settings, state.folder)
    is_signed = destination.open(key, accept_new_key=options.accept_new_key)
    opened.enter_context(destination.keep_open())
    inbox, retried = Inbox(state), frozenset[str]()
    pseudonyms = Pseudonymizer(key, settings.hash_fields, settings.plain_fields)
    clock = _Clock()
    outcome = Outcome(
        destination.name, RunResult(now=datetime.now(UTC), load_id=state.read_note("built", BUILT).get("load", ""))
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
            events=tuple(replace(event, body=pseudonymized_body(event.body, pseudonyms)) for event in inbox.fresh()),
            events_retried=inbox.to_retry(),
            stop_at=stop_at,
        )
        step("extract and load")
        outcome.loaded = load(request, state)
        retried = request.events_retried
        if not is_signed:  # also where nothing will be published
            destination.sign(key)
        clock.stop(outcome, "load")
    else:
        outcome.loaded = replace(outcome.loaded, rejected=_count_rejected(destination))
    line.update(_told(outcome))
    made = {
        "load": outcome.loaded.load_id,
        "published": destination.published_version(),
        "journals": json.dumps(audit_log_sizes(state)),
        **({"engine": destination.dbt_target, **_made_for(outcome, settings)} if options.models else {}),
    }
    new = made.items() - state.read_note("built", BUILT).items()
    is_due = new or options.full_refresh or not options.extract or not destination.is_published()
    if outcome.loaded.unread:  # half an account is no reason for tables
        state.forget_note("built")
    elif is_due:
        state.forget_note("built")
        destination.sign(key)
        made["journals"] = json.dumps(destination.load_audit_log())
        if options.models and destination.dbt_target:
            opened.close()  # the models have another limit of memory
            step("build and check the models")
            outcome.built = build(
                settings,
                state,
                anew=options.full_refresh,
                keep_steps=options.keep_steps,
                progress=progress.built,
            )
            clock.stop(outcome, "build")
        step("publish")
        line.update(_told(outcome, "published"))
        destination.add_run({**line, "ended_at": datetime.now(UTC)})
        outcome.published_bytes = destination.publish()
        clock.stop(outcome, "publish")
        line.update(_told(outcome, "published"))
        if outcome.built:
            line["slowest_models"] = outcome.built.slowest
        state.write_note("built", {**made, "published": destination.published_version()})
        inbox.published(timedelta(hours=settings.webhook_duplicate_hours), retried)
    return outcome


def _count_rejected(destination: Destination) -> int:
    """Count the values that could not be read; refuse raw tables that the models cannot be built of."""
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


def _made_for(outcome: Outcome, settings: Settings) -> dict[str, str]:
    """What the models' tables depend on beside the load: the day of the service, and settings."""
    day = outcome.loaded.now.astimezone(ZoneInfo(settings.timezone)).date()
    return {"day": str(day), "settings": json.dumps(model_settings(settings))}


def _warn_of_clear_values(state: State, destination: Destination, pseudonyms: Pseudonymizer) -> None:
    """Name the columns in which earlier versions loaded clear values. The tables are looked at once, then a note."""
    if pseudonyms.key is None:
        return
    raw = destination.raw()
    try:
        note = state.read_note(privacy.NOTE)
        if not privacy.holds(note, raw, pseudonyms):
            note = privacy.note_of(raw, pseudonyms)
            state.write_note(privacy.NOTE, note)
    finally:
        raw.close()
    if columns := note.get("columns"):
        advice = destination.privacy_advice
        log.warning("clear values that an earlier version loaded: %s. %s", ", ".join(columns), advice)


def _refuse_half_an_account(state: State) -> None:
    """Its tables would accuse the warehouse of what is not read yet."""
    asked = [row for row in runs(state) if row.get("requests")]
    if asked and asked[-1]["outcome"] == "stopped":
        raise StateError(f"{state.file}: the last run was stopped before all was read", "Run again, then build.")


def _told(outcome: Outcome, ended: str = "unchanged") -> Row:
    """What the history says of a run."""
    loaded = outcome.loaded
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
        **{f"{step}_seconds": seconds for step, seconds in outcome.seconds.items()},
    }


class _Clock:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def stop(self, outcome: Outcome, name: str) -> None:
        now = time.monotonic()
        outcome.seconds[name] = round(now - self._last, 2)
        self._last = now
