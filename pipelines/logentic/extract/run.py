"""One run, of one or more extractions: each goes on where the one before was loaded."""

import time
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from math import inf
from pathlib import Path
from typing import Any

import pyarrow as pa

from logentic.api.client import Traffic
from logentic.errors import LogenticError
from logentic.events.event import Event
from logentic.extract.reader import NO_PROGRESS, Progress
from logentic.extract.windows import Window
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import RESOURCES
from logentic.settings import Settings


@dataclass
class Run:
    """What one run wants, and what came of it so far."""

    settings: Settings
    pseudonyms: Pseudonymizer
    folder: Path | None = None  # where the rows of large windows wait until they are proven
    start: datetime | None = None
    end: datetime | None = None
    select: frozenset[str] = frozenset(RESOURCES)
    progress: Progress = NO_PROGRESS
    events: list[Event] = field(default_factory=list)  # that no earlier run took
    events_retried: frozenset[str] = frozenset()  # dead ones that are to be tried again
    stop_at: float = inf  # monotonic: nothing is read after it
    held: list[dict[str, Any]] = field(default_factory=list)  # receipts of runs that found nothing, not loaded yet
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    began_at: datetime | None = None  # the service's time
    failures: dict[str, LogenticError] = field(default_factory=dict)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    lists: set[str] = field(default_factory=set)  # paths of lists that have answered in this run
    unread: set[str] = field(default_factory=set)  # resources with windows left for the next extraction
    named_orders: set[int] = field(default_factory=set)  # by charges, and not stored: to be asked for by id
    orders_asked: set[int] = field(default_factory=set)  # by id: each once in a run
    orders_read: list[pa.Array] = field(default_factory=list)  # the ids that lists gave
    orders_missing: set[int] = field(default_factory=set)  # that a complete list lacked
    records_ahead: set[int] = field(default_factory=set)  # stock records that a list still dates after today
    order_windows: list[tuple[Window, bool]] = field(default_factory=list)  # those read, and whether complete
    unbilled: dict[int, date | None] | None = None  # charges stored as not billed that this run has not seen yet

    @property
    def now(self) -> datetime:
        """The service's time when the run began: what comes later is for the next run."""
        if self.began_at is None:
            raise AssertionError("the service was not asked yet")
        return self.began_at

    @property
    def is_selective(self) -> bool:
        return self.select != frozenset(RESOURCES)

    def seconds_left(self) -> float:
        return self.stop_at - time.monotonic()

    def begin_part(self) -> None:
        self.unread.clear()
