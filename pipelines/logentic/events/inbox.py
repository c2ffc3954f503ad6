"""Read new events from the queue, and remove events that are in FILE."""

import time
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field, NonNegativeInt

from logentic.events.event import Event
from logentic.events.queue import list_segments, read_events
from logentic.state import State

TAKEN_NOTE, RETRY_NOTE = "events_taken", "events_retry"
SegmentName = Annotated[str, Field(pattern=r"^\d+\.log$")]


class RetryNote(BaseModel):
    events: list[str]


class EventInbox:
    """The queued events of one FILE."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._sizes: dict[str, int] = {}

    def read_new(self) -> list[Event]:
        """Return the events in the order of arrival; skip segments that have not grown since they were published."""
        taken = self._state.read_note(TAKEN_NOTE, dict[SegmentName, NonNegativeInt])
        self._sizes = {path.name: path.stat().st_size for path in list_segments(self._state.events)}
        return [
            event
            for path in list_segments(self._state.events)
            if taken.get(path.name) != self._sizes.get(path.name)
            for event in read_events(path)
        ]

    def ids_to_retry(self) -> frozenset[str]:
        """Return the ids of dead events that the user wants tried again."""
        note = self._state.read_note(RETRY_NOTE, RetryNote)
        return frozenset(note.events if note else ())

    def request_retry(self, event_ids: Iterable[str]) -> None:
        self._state.write_note(RETRY_NOTE, {"events": sorted({*event_ids, *self.ids_to_retry()})})

    def mark_published(self, duplicates_within: timedelta, retried: Collection[str]) -> None:
        """Record that FILE has the events of `read_new`, and remove segments.

        A segment is removed when all of it is published and too old to be needed for finding duplicates. The newest
        stays, because a receiver may be writing it.
        """
        self._state.write_note(TAKEN_NOTE, self._sizes)
        self._state.write_note(RETRY_NOTE, {"events": sorted(self.ids_to_retry().difference(retried))})
        youngest = time.time() - duplicates_within.total_seconds()
        for path in list_segments(self._state.events)[:-1]:
            if self._sizes.get(path.name) == path.stat().st_size and path.stat().st_mtime < youngest:
                path.unlink()
