"""Take new events from the queue, and remove those that FILE holds."""

import time
from collections.abc import Collection, Iterable
from datetime import timedelta

from logentic.events.event import Event
from logentic.events.queue import read_events, segments
from logentic.state import State

TAKEN, RETRY = "events_taken", "events_retry"


class Inbox:
    """The events beside one FILE."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._sizes: dict[str, int] = {}

    def fresh(self) -> list[Event]:
        """In the order in which they came. Segments that have not grown since they were published are not read."""
        taken = self._state.read_note(TAKEN, dict[str, int])
        self._sizes = {path.name: path.stat().st_size for path in segments(self._state.events)}
        return [
            event
            for path in segments(self._state.events)
            if taken.get(path.name) != self._sizes.get(path.name)
            for event in read_events(path)
        ]

    def to_retry(self) -> frozenset[str]:
        """Dead events that the user wants tried again."""
        return frozenset(self._state.read_note(RETRY, dict[str, list[str]]).get("events", ()))

    def retry(self, event_ids: Iterable[str]) -> None:
        self._state.write_note(RETRY, {"events": sorted({*event_ids, *self.to_retry()})})

    def published(self, duplicates_within: timedelta, retried: Collection[str]) -> None:
        """FILE holds what `fresh` gave. Segments go when it holds all of them and no duplicate of them is looked for;
        the newest stays, since a receiver may be writing it.
        """
        self._state.write_note(TAKEN, self._sizes)
        self._state.write_note(RETRY, {"events": sorted(self.to_retry().difference(retried))})
        youngest = time.time() - duplicates_within.total_seconds()
        for path in segments(self._state.events)[:-1]:
            if self._sizes.get(path.name) == path.stat().st_size and path.stat().st_mtime < youngest:
                path.unlink()
