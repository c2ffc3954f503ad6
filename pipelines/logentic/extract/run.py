"""What one run is asked to do, what its extractions know of each other, and what happened."""

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


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked to do: everything new, or [start, end) again."""

    settings: Settings
    pseudonyms: Pseudonymizer
    folder: Path | None = None  # where the rows of large windows wait until they are confirmed
    start: datetime | None = None
    end: datetime | None = None
    select: frozenset[str] = frozenset(RESOURCES)
    progress: Progress = NO_PROGRESS
    events: tuple[Event, ...] = ()  # that no earlier run took
    events_retried: frozenset[str] = frozenset()  # dead ones that are to be tried again
    stop_at: float = inf  # monotonic: nothing is read after it
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def is_selective(self) -> bool:
        return self.select != frozenset(RESOURCES)

    def seconds_left(self) -> float:
        return self.stop_at - time.monotonic()


@dataclass
class RunState:
    """What one run has done so far. Each extraction goes on where the one before was loaded."""

    request: RunRequest
    deferred: list[dict[str, Any]] = field(default_factory=list)  # receipts of runs that found nothing, not loaded yet
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
    def readable(self) -> frozenset[str]:
        """The resources that are asked for and have not failed."""
        return self.request.select - self.failures.keys()

    def begin_part(self) -> None:
        self.unread.clear()


@dataclass(frozen=True)
class RunResult:
    """What happened in a run."""

    now: Any = None
    receipts: list[dict[str, Any]] = field(default_factory=list)  # they count the rows of each window
    traffic: Traffic = field(default_factory=Traffic)
    failures: dict[str, LogenticError] = field(default_factory=dict)
    finished_pending: bool = False
    load_id: str = ""  # the latest complete load that the working database holds
    unread: list[str] = field(default_factory=list)  # resources with windows that the time did not suffice for
    rejected: int = 0  # values stored as null because they could not be read

    @property
    def news(self) -> int:
        return sum(r["rows_new"] + r["rows_changed"] + r["rows_removed"] for r in self.receipts)

    @property
    def incomplete(self) -> list[dict[str, Any]]:
        """Windows by the last time that this run read them."""
        windows = ("resource", "filter", "window_start", "window_end")
        latest = {tuple(receipt[name] for name in windows): receipt for receipt in self.receipts}
        return [receipt for receipt in latest.values() if not receipt["is_complete"] and not receipt["is_accepted"]]

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """Windows that are not complete and are not read again: their totals never agreed with their rows."""
        return [receipt for receipt in self.receipts if receipt["is_accepted"]]
