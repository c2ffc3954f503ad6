"""How fast, and by how many connections at once, the service lets us ask.

A limit comes in windows (Laravel: so many requests a minute, from the first one on) or fills up steadily. How long a
window lasts is not said until it is used up: the first 429 tells, and from then on its end is waited for unasked.
"""

import logging
import math
import random
import re
import threading
import time
from datetime import datetime
from math import inf

from logentic.errors import DeadlineReached

log = logging.getLogger("logentic")
LIMITS = re.compile(  # a value that is no count is ignored
    rb"^(?:x-)?ratelimit-(limit|remaining|reset):[ \t]*(\d{1,15})(?=[ \t]*(?:[,;.\r]|$))", re.IGNORECASE | re.MULTILINE
)
GOOD_ANSWERS = 20  # after so many, one more connection is tried
AN_EPOCH = 10**9  # a reset beyond it is a moment, not a number of seconds
LONGEST_WINDOW = 3600  # seconds; what is said to last longer is found out instead
LOGGED_WAIT_SECONDS = 10  # a longer wait is logged
SAME_WAIT_SECONDS = 5  # a wait that is extended by less is not logged again
LATE = 0.2  # seconds by which an answer may tell of the past
JITTER = 0.05


class Pace:
    """Safe to use from several threads: `enter` before a request, `leave` after it, always both.

    No wait is longer than `longest_wait` seconds. After `stop_at` (monotonic seconds) nothing is sent or waited for.
    """

    def __init__(self, connections: int, *, longest_wait: float = inf, stop_at: float = inf) -> None:
        self._longest_wait = min(longest_wait, LONGEST_WINDOW)
        self._stop_at = stop_at
        self._logged_until = -inf  # the end of the last wait that was logged
        self.closed = threading.Event()
        self.connections = connections  # lowered when the service pushes back, raised again when it does not
        self._most = connections
        self._turn = threading.Condition()
        self._under_way = 0
        self._good = 0
        self._lowered_at = 0.0
        self._resume_at = 0.0  # nobody sends before this moment (monotonic)
        self._limit: int | None = None
        self._remaining: int | None = None  # None: not known; where there is a limit, one request finds it out
        self._remaining_at = 0.0  # when that was told
        self._began_at: float | None = None  # of the window, where its first request was ours
        self._lasts: float | None = None  # a window, as the first 429 told
        self._refill: float | None = None  # seconds to wait where a limit fills up steadily, as a 429 told
        self._fills_up = False
        self._ends_at: float | None = None  # of the window, where the answers say so

    def enter(self, where: str = "", *, may_be_late: bool = False) -> float:
        """Wait for leave; return the seconds of pause that were waited for. After `close` there is no wait.

        Raises `DeadlineReached` after `stop_at`; a request that may be late is sent unless it would have to wait.
        """
        paused = 0.0
        with self._turn:
            while not self.closed.is_set():
                now = time.monotonic()
                if now >= self._stop_at and (now < self._resume_at or not may_be_late):
                    raise DeadlineReached(f"{where}: the time to run has ended")
                if now < self._resume_at:
                    self._log_wait(where, now)
                    jitter = random.uniform(0, JITTER)  # noqa: S311 - no secret
                    self._turn.wait(min(self._resume_at + jitter, self._stop_at) - now)
                    paused += time.monotonic() - now
                elif self._may_send(now):
                    break
            self._under_way += 1
        return paused

    def leave(
        self,
        sent_at: float,
        status: int | None = None,
        head: bytes = b"",
        now: datetime | None = None,
        pause: float = 0,
    ) -> None:
        """What came of it: no status where nothing came, and how long to pause, where a 429 said so."""
        with self._turn:
            self._under_way -= 1
            if status in (429, 503):
                self._lower(sent_at)
            elif status == 200:
                self._raise()
            if found := dict(LIMITS.findall(head)):
                self._note({name.lower(): int(value) for name, value in found.items()}, now, sent_at, status)
            if status == 429:
                self._pause(time.monotonic(), pause)
            self._turn.notify_all()

    def _log_wait(self, where: str, now: float) -> None:
        """Log a long wait, once for all threads."""
        is_new = self._resume_at > self._logged_until + SAME_WAIT_SECONDS
        if is_new and self._resume_at - now > LOGGED_WAIT_SECONDS:
            self._logged_until = self._resume_at
            log.warning("%s: waiting %.0f s for the rate limit", where, self._resume_at - now)

    def wait(self, seconds: float, where: str, reason: str = "") -> float:
        """Wait before one request is sent again, not beyond `stop_at`; return the seconds waited."""
        began = time.monotonic()
        if reason and seconds > LOGGED_WAIT_SECONDS:
            with self._turn:  # once for all threads
                is_new = began + seconds > self._logged_until + SAME_WAIT_SECONDS
                self._logged_until = max(self._logged_until, began + seconds)
            if is_new:
                log.warning("%s: waiting %.0f s %s", where, seconds, reason)
        self.closed.wait(max(0.0, min(seconds, self._stop_at - began)))
        return time.monotonic() - began

    def pause_at_least(self, seconds: float) -> None:
        """Unless a pause is under way: for a refusal that did not say how long."""
        with self._turn:
            if self._resume_at <= (now := time.monotonic()):
                self._resume_at = now + seconds

    def close(self) -> None:
        self.closed.set()
        with self._turn:
            self._turn.notify_all()

    def _may_send(self, now: float) -> bool:
        """False after a wait, or where a pause has to begin."""
        if self._under_way >= self.connections:
            self._turn.wait()
            return False
        if self._limit is None or (self._remaining is None and not self._under_way):
            return True
        if self._remaining is not None and self._remaining > self._under_way:  # none of these may be counted yet
            return True
        if self._under_way:
            self._turn.wait()
            return False
        self._remaining = None
        # An end beyond the longest wait is not waited for: the refusal of one request says how long to wait.
        if not now < (end := self._end(now)) <= now + self._longest_wait:
            return True
        self._resume_at = end
        return False

    def _end(self, now: float) -> float:
        """When there is something left again; now, where nobody has told: then the refusal of one request does."""
        if self._ends_at is not None:
            return self._ends_at
        if self._fills_up and self._refill:
            return now + self._refill
        return self._began_at + self._lasts if self._began_at is not None and self._lasts else now

    def _note(self, told: dict[bytes, int], clock: datetime | None, sent_at: float, status: int | None) -> None:
        now = time.monotonic()
        self._limit = told.get(b"limit", self._limit)
        if (reset := told.get(b"reset")) is not None:
            seconds = reset if reset < AN_EPOCH else reset - (clock.timestamp() if clock else reset)
            self._ends_at = now + seconds if seconds <= self._longest_wait else None
        remaining = told.get(b"remaining")
        if remaining is None or status == 429 or sent_at < self._resume_at:  # the last two tell of what is over
            return
        self._limit = self._limit or remaining + 1
        if remaining == self._limit - 1:
            self._began_at, self._fills_up = now, False
        elif self._remaining is None:  # somebody else began the window, or there are none
            self._began_at, self._fills_up = None, self._refill is not None and remaining < self._limit / 2
        # Answers overtake each other: a rise is one only where it was asked for after the lower count was known.
        if self._remaining is None or remaining < self._remaining or sent_at > self._remaining_at:
            self._remaining, self._remaining_at = remaining, now

    def _pause(self, now: float, seconds: float) -> None:
        """A refusal: everybody waits, and what a window lasts is learned."""
        self._resume_at = max(self._resume_at, now + seconds)
        self._remaining = None
        self._refill = seconds or self._refill
        if self._began_at is not None:
            self._lasts = math.ceil(now + seconds - self._began_at - LATE)

    def _lower(self, sent_at: float) -> None:
        """Once for all that was under way together."""
        self._good = 0
        if sent_at > self._lowered_at:
            self.connections, self._lowered_at = max(1, self.connections // 2), time.monotonic()

    def _raise(self) -> None:
        self._good += 1
        if self._good >= GOOD_ANSWERS and self.connections < self._most:
            self.connections, self._good = self.connections + 1, 0
