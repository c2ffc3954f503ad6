"""The request, the state and the result of one run."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
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
    """The request of a run: everything new, or [start, end) again."""

    settings: Settings
    pseudonyms: Pseudonymizer
    folder: Path | None = None  # for the rows of large windows until they are confirmed
    start: datetime | None = None
    end: datetime | None = None
    select: frozenset[str] = frozenset(RESOURCES)
    progress: Progress = NO_PROGRESS
    events: tuple[Event, ...] = ()  # events that no earlier run took
    events_retried: frozenset[str] = frozenset()  # dead events to retry
    stop_at: float = inf  # monotonic seconds: nothing is read after it
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def is_selective(self) -> bool:
        return self.select != frozenset(RESOURCES)

    def seconds_left(self) -> float:
        return self.stop_at - time.monotonic()


@dataclass(frozen=True)
class RunState:
    """The results of a run's extractions, as far as they are loaded. The next extraction continues from there."""

    now: datetime | None = None  # the service's time at the start of the run
    failures: Mapping[str, LogenticError] = field(default_factory=dict)  # by resources that are no longer read
    unread: frozenset[str] = frozenset()  # resources with windows left for the next extraction
    orders_asked: frozenset[int] = frozenset()  # by id: each is asked for once in a run
    orders_read: tuple[pa.Array, ...] = ()  # ids in the lists that were read
    # windows of orders that were read, and whether they are complete
    order_windows: tuple[tuple[Window, bool], ...] = ()
    records_ahead: Mapping[str, frozenset[int]] = field(default_factory=dict)  # ids that lists still date after today
    unsettled: Mapping[str, frozenset[int]] | None = None  # ids stored as unsettled and not seen yet in this run


@dataclass(frozen=True)
class RunResult:
    """The result of a run."""

    now: Any = None
    receipts: list[dict[str, Any]] = field(default_factory=list)  # receipts with the number of rows of each window
    traffic: Traffic = field(default_factory=Traffic)
    failures: Mapping[str, LogenticError] = field(default_factory=dict)
    finished_pending: bool = False
    load_id: str = ""  # the latest complete load in the working database
    unread: list[str] = field(default_factory=list)  # resources with windows left because time ran out
    rejected: int = 0  # values stored as null because they could not be read

    @property
    def changes(self) -> int:
        return sum(r["rows_new"] + r["rows_changed"] + r["rows_removed"] for r in self.receipts)

    @property
    def incomplete(self) -> list[dict[str, Any]]:
        """Incomplete windows, by their last reading in this run."""
        windows = ("resource", "filter", "window_start", "window_end")
        latest = {tuple(receipt[name] for name in windows): receipt for receipt in self.receipts}
        return [receipt for receipt in latest.values() if not receipt["is_complete"] and not receipt["is_accepted"]]

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """Windows that are incomplete but no longer read again, because their totals never agreed with their rows."""
        return [receipt for receipt in self.receipts if receipt["is_accepted"]]
