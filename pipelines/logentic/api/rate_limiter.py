"""Adapt the request rate and the number of connections to the limits that the service announces.

Laravel limits requests per fixed window (usually 60 a minute, from the first request on) or refills them steadily, and
states the window only when a request is refused. The limiter learns the window from the first 429; from then on it
waits for the end of the window by itself. It halves the connections on 429 and 503, and adds one after
`RECOVERY_RESPONSES` successes.
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
LIMITS = re.compile(  # skips values that are not counts
    rb"^(?:x-)?ratelimit-(limit|remaining|reset):[ \t]*(\d{1,15})(?=[ \t]*(?:[,;.\r]|$))", re.IGNORECASE | re.MULTILINE
)
RECOVERY_RESPONSES = 20  # successful responses before the limiter adds a connection
FIRST_TIMESTAMP = 10**9  # a larger reset value is a Unix time, not a number of seconds
LONGEST_WINDOW_SECONDS = 3600  # ignore a longer announced window and learn it from a 429
LOGGED_WAIT_SECONDS = 10  # a longer wait is logged
SAME_WAIT_SECONDS = 5  # do not log a wait again if it grows by less than this
LATENCY_SECONDS = 0.2  # how old the counts in a response may be
JITTER_SECONDS = 0.05


class RateLimiter:
    """Share one rate limit among threads: `acquire` before each request, `release` after it. Thread-safe.

    No wait is longer than `longest_wait` seconds. After `stop_at` (monotonic seconds) nothing is sent or waited for.
    """

    def __init__(self, connections: int, *, longest_wait: float = inf, stop_at: float = inf) -> None:
        self._longest_wait_seconds = min(longest_wait, LONGEST_WINDOW_SECONDS)
        self._stop_at = stop_at
        self._logged_until = -inf  # when the last logged wait ends
        self.closed = threading.Event()
        self.connections = connections  # reduced when the service pushes back, raised after successes
        self._max_connections = connections
        self._condition = threading.Condition()
        self._in_flight = 0
        self._successes = 0
        self._lowered_at = 0.0
        self._resume_at = 0.0  # do not send before this time (monotonic seconds)
        self._limit: int | None = None
        self._remaining: int | None = None  # None: unknown; send one request to learn the limit
        self._remaining_read_at = 0.0  # when the response with that count was received
        self._window_started_at: float | None = None  # if this process sent its first request
        self._window_seconds: float | None = None  # length of a window, learned from the first 429
        self._refill_seconds: float | None = None  # seconds until a refill, learned from a 429
        self._refills = False
        self._window_ends_at: float | None = None  # if responses announce it

    def acquire(self, where: str = "", *, may_be_late: bool = False) -> float:
        """Wait until a request may be sent; return the seconds that were paused. After `close` there is no wait.

        Raises `DeadlineReached` after `stop_at`; a request that may be late is sent unless it would have to wait.
        """
        paused = 0.0
        with self._condition:
            while not self.closed.is_set():
                now = time.monotonic()
                if now >= self._stop_at and (now < self._resume_at or not may_be_late):
                    raise DeadlineReached(f"{where}: the time limit has been reached")
                if now < self._resume_at:
                    self._log_wait(where, now)
                    jitter = random.uniform(0, JITTER_SECONDS)  # noqa: S311 - no secret
                    self._condition.wait(min(self._resume_at + jitter, self._stop_at) - now)
                    paused += time.monotonic() - now
                elif self._can_send(now):
                    break
            self._in_flight += 1
        return paused

    def release(
        self,
        sent_at: float,
        status: int | None = None,
        head: bytes = b"",
        now: datetime | None = None,
        pause: float = 0,
    ) -> None:
        """Record the outcome: `status` is None without a response, `pause` the seconds that a 429 asks to wait."""
        with self._condition:
            self._in_flight -= 1
            if status in (429, 503):
                self._lower_connections(sent_at)
            elif status == 200:
                self._raise_connections()
            if found := dict(LIMITS.findall(head)):
                self._read_limits({name.lower(): int(value) for name, value in found.items()}, now, sent_at, status)
            if status == 429:
                self._pause(time.monotonic(), pause)
            self._condition.notify_all()

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
            with self._condition:  # log once for all threads
                is_new = began + seconds > self._logged_until + SAME_WAIT_SECONDS
                self._logged_until = max(self._logged_until, began + seconds)
            if is_new:
                log.warning("%s: waiting %.0f s %s", where, seconds, reason)
        self.closed.wait(max(0.0, min(seconds, self._stop_at - began)))
        return time.monotonic() - began

    def pause_at_least(self, seconds: float) -> None:
        """Pause after a 429 without a waiting time, unless a pause is in effect."""
        with self._condition:
            if self._resume_at <= (now := time.monotonic()):
                self._resume_at = now + seconds

    def close(self) -> None:
        self.closed.set()
        with self._condition:
            self._condition.notify_all()

    def _can_send(self, now: float) -> bool:
        """Return False after a wait, or when a pause has to begin."""
        if self._in_flight >= self.connections:
            self._condition.wait()
            return False
        if self._limit is None or (self._remaining is None and not self._in_flight):
            return True
        # requests in flight may not be counted yet
        if self._remaining is not None and self._remaining > self._in_flight:
            return True
        if self._in_flight:
            self._condition.wait()
            return False
        self._remaining = None
        # If the window ends beyond the longest wait, do not wait: the 429 of one request says how long.
        if not now < (end := self._next_window(now)) <= now + self._longest_wait_seconds:
            return True
        self._resume_at = end
        return False

    def _next_window(self, now: float) -> float:
        """Return when requests are allowed again; `now` if unknown, so that one request finds out."""
        if self._window_ends_at is not None:
            return self._window_ends_at
        if self._refills and self._refill_seconds:
            return now + self._refill_seconds
        started_at, seconds = self._window_started_at, self._window_seconds
        return started_at + seconds if started_at is not None and seconds else now

    def _read_limits(self, limits: dict[bytes, int], at: datetime | None, sent_at: float, status: int | None) -> None:
        now = time.monotonic()
        self._limit = limits.get(b"limit", self._limit)
        if (reset := limits.get(b"reset")) is not None:
            seconds = reset if reset < FIRST_TIMESTAMP else reset - (at.timestamp() if at else reset)
            self._window_ends_at = now + seconds if seconds <= self._longest_wait_seconds else None
        remaining = limits.get(b"remaining")
        # the last two conditions mean a past window
        if remaining is None or status == 429 or sent_at < self._resume_at:
            return
        self._limit = self._limit or remaining + 1
        if remaining == self._limit - 1:
            self._window_started_at, self._refills = now, False
        elif self._remaining is None:  # another client started the window, or there is no limit
            self._window_started_at, self._refills = (
                None,
                self._refill_seconds is not None and remaining < self._limit / 2,
            )
        # Responses may arrive out of order: accept a higher count only from a request sent after the lower count was
        # known.
        if self._remaining is None or remaining < self._remaining or sent_at > self._remaining_read_at:
            self._remaining, self._remaining_read_at = remaining, now

    def _pause(self, now: float, seconds: float) -> None:
        """Pause all threads, and learn the length of a window."""
        self._resume_at = max(self._resume_at, now + seconds)
        self._remaining = None
        self._refill_seconds = seconds or self._refill_seconds
        if self._window_started_at is not None:
            self._window_seconds = math.ceil(now + seconds - self._window_started_at - LATENCY_SECONDS)

    def _lower_connections(self, sent_at: float) -> None:
        """Halve the connections, once for all requests that were in flight together."""
        self._successes = 0
        if sent_at > self._lowered_at:
            self.connections, self._lowered_at = max(1, self.connections // 2), time.monotonic()

    def _raise_connections(self) -> None:
        self._successes += 1
        if self._successes >= RECOVERY_RESPONSES and self.connections < self._max_connections:
            self.connections, self._successes = self.connections + 1, 0
