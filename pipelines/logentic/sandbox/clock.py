"""The account's clock: it stands still until it is set, or ticks from a given moment."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """A settable clock."""

    def __init__(self, start: datetime, *, ticking: bool = False) -> None:
        self.ticking = ticking
        self.set(start)

    def set(self, moment: datetime) -> None:
        """Set the clock, forwards or backwards."""
        self._start = moment.astimezone(UTC).replace(microsecond=0)
        self._set_at = time.monotonic()

    def advance(self, span: timedelta) -> None:
        self.set(self.now() + span)

    def now(self) -> datetime:
        """Return the account's current moment."""
        elapsed = int(time.monotonic() - self._set_at) if self.ticking else 0
        return self._start + timedelta(seconds=elapsed)
