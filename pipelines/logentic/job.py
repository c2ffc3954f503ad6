"""The main job: load what is new, build the models, publish.

In: settings and options of one run. Out: an `Outcome`. Steps that have nothing to do are skipped: without news and on
the same day, with the same settings and nothing new in the journals, the tables that stand are the right ones.
Next: load.py, transform.py, publish.py, in that order; cli.py prints the outcome.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from logentic.event_inbox import Inbox
from logentic.extraction import NO_PROGRESS, Progress
from logentic.journal_tables import journal_sizes, load_journals
from logentic.keys import hash_key
from logentic.load import Loaded, load
from logentic.personal import Pseudonyms
from logentic.publish import publish
from logentic.run import Run
from logentic.schemas import RESOURCES
from logentic.settings import Settings, require_token
from logentic.state import State
from logentic.transform import Built, build, model_settings
from logentic.windows import DAY, midnight
from logentic.work import open_work, sign


@dataclass
class Options:
    """`start` and `end` are days, both included; `select` names resources."""

    start: date | None = None
    end: date | None = None
    select: frozenset[str] = frozenset(RESOURCES)
    models: bool = True
    full_refresh: bool = False
    wait_seconds: float = 0
    accept_new_key: bool = False


@dataclass
class Outcome:
    file: Path
    loaded: Loaded
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
    require_token(settings)
    state = State(file.absolute())
    state.prepare()
    with state.locked(options.wait_seconds):
        key = hash_key(settings, state.folder)
        open_work(state, settings, key, accept_new_key=options.accept_new_key)
        inbox = Inbox(state)
        run = Run(
            settings,
            Pseudonyms(key, settings.hash_fields, settings.plain_fields),
            start=midnight(options.start) if options.start else None,
            end=midnight(options.end) + DAY if options.end else None,
            select=options.select,
            progress=progress,
            events=inbox.fresh(),
            events_retried=inbox.to_retry(),
        )
        clock = _Clock()
        step("extract and load")
        outcome = Outcome(file, load(run, state))
        clock.stop(outcome, "load")
        made = {
            "load": outcome.loaded.load_id,
            "journals": json.dumps(journal_sizes(state)),
            **(_made_for(outcome, settings) if options.models else {}),
        }
        new = made.items() - state.read_note("built").items()
        if new or options.full_refresh or not state.file.exists():
            state.forget_note("built")
            sign(state, key)
            made["journals"] = json.dumps(load_journals(state))
            if options.models:
                step("build and check the models")
                outcome.built = build(settings, state, anew=options.full_refresh)
                clock.stop(outcome, "build")
            step("publish")
            outcome.published_bytes = publish(state)
            clock.stop(outcome, "publish")
            state.write_note("built", made)
            inbox.published(timedelta(hours=settings.webhook_duplicate_hours), run.events_retried)
        state.log_run(
            {
                "service_time": outcome.loaded.now,
                "rows": outcome.loaded.news,
                "requests": outcome.loaded.traffic.requests,
                "incomplete": len(outcome.loaded.incomplete),
                "failures": sorted(outcome.loaded.failures),
                "seconds": outcome.seconds,
            }
        )
    return outcome


def _made_for(outcome: Outcome, settings: Settings) -> dict[str, str]:
    """What the models' tables depend on beside the load: the day of the service, and settings."""
    day = outcome.loaded.now.astimezone(ZoneInfo(settings.timezone)).date()
    return {"day": str(day), "settings": json.dumps(model_settings(settings))}


class _Clock:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def stop(self, outcome: Outcome, name: str) -> None:
        now = time.monotonic()
        outcome.seconds[name] = round(now - self._last, 2)
        self._last = now
