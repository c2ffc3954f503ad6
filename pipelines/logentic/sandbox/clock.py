"""The account's own time: it stands still until it is set, or ticks with real time from where it was set."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """A settable clock."""

    def __init__(self, start: datetime, *, ticking: bool = False) -> None:
        self.ticking = ticking
        self.set(start)

    def set(self, moment: datetime) -> None:
        """Go to a moment, forwards or backwards."""
        self._start = moment.astimezone(UTC).replace(microsecond=0)
        self._set_at = time.monotonic()

    def advance(self, span: timedelta) -> None:
        """Go forwards by a span."""
        self.set(self.now() + span)

    def now(self) -> datetime:
        """The moment it is on the account."""
        elapsed = int(time.monotonic() - self._set_at) if self.ticking else 0
        return self._start + timedelta(seconds=elapsed)
