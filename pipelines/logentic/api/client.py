"""One request to the service, answered or failed for good."""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from io import BytesIO
from math import inf
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import pycurl

from logentic import errors
from logentic.api.rate_limiter import LOGGED_WAIT_SECONDS, Pace
from logentic.sanitizer import redacted_bytes
from logentic.settings import Settings, trusted_certificates

log = logging.getLogger("logentic")
Read = TypeVar("Read")
LARGEST_BODY = 256 * 2**20
FIRST_DELAY, LONGEST_DELAY, STALLED_AFTER, GRACE = 0.5, 30.0, 20, 15  # seconds
NO_TIME = -inf
RETRIED = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524}
DATE = re.compile(rb"^date:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
DIGITS = re.compile(r"[0-9]{1,15}")
SECONDS = re.compile(r"[0-9]+(\.[0-9]{1,9})?")
REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# A clock outside these years is wrong: an unset one says 1970, and later dates overflow what is computed from them.
FIRST_YEAR, LAST_YEAR = 2015, 2199
LARGEST_OFFSET = timedelta(hours=14)  # of a time zone
SHORTEST_WAIT_SECONDS = 1.0
LONGEST_PLAUSIBLE_WAIT_SECONDS = 31 * 86_400  # a longer Retry-After is a fault of the service, not a limit


@dataclass
class Traffic:
    """What was sent and received so far, for receipts and the summary."""

    requests: int = 0
    bytes: int = 0
    refused_by_limit: int = 0
    retries: int = 0
    links_moved: int = 0  # `next` links that name another scheme or port of the configured host


@dataclass(frozen=True)
class Answer:
    body: bytes
    at: datetime  # the service's time, UTC, whole seconds
    head: bytes
    status: int = 200

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case."""
        return read_headers(self.head)


@dataclass
class _Trouble:
    """How one request fares: when it was sent last, how often it failed, since when (monotonic seconds).

    `pause`: seconds that the last response asked to wait. `limited`: seconds waited because responses asked for it.
    """

    sent_at: float = 0.0
    attempts: int = 0
    since: float = 0.0
    pause: float = 0.0
    limited: float = 0.0


class Client:
    """Safe to use from several threads; each keeps a connection of its own alive.

    `lists`: the paths of lists that have answered in this run, where a 404 then stands for a list without rows.
    `stop_at` (monotonic seconds): nothing is sent after it but the first request; with `NO_TIME` each is sent once.
    """

    def __init__(
        self,
        settings: Settings,
        traffic: Traffic | None = None,
        *,
        stop_at: float = inf,
        lists: set[str] | None = None,
    ) -> None:
        self.lists = lists
        self.base_url = settings.base_url
        self.origin = origin(settings.base_url)
        self.traffic = traffic or Traffic()
        self.service_clock: datetime | None = None
        self._settings = settings
        self._local = threading.local()
        self._lock = threading.Lock()
        self._failing_since: float | None = None
        self._logged_until = -inf  # the end of the last back-off that was logged as a long one
        self._has_time = stop_at > NO_TIME
        self._pace = Pace(settings.connections, longest_wait=settings.rate_limit_seconds, stop_at=stop_at)

    def get(self, path: str, params: Mapping[str, str], where: str, read: Callable[[Answer], Read]) -> Read:
        """Ask until the answer can be read. `read` raises `BadAnswer` for one that is not what was promised."""
        url = f"{self.base_url}{path}" + (f"?{'&'.join(map(_encoded, params, params.values()))}" if params else "")
        trouble = _Trouble()
        while True:
            may_be_late = not trouble.attempts and not (self.traffic.requests and self._has_time)
            # A pause that the service asked for is no failure.
            if paused := self._pace.enter(where, may_be_late=may_be_late):
                self._failing_since = None
                trouble.since += paused if trouble.since else 0.0
            trouble.sent_at = time.monotonic()
            try:
                result = read(self._send(url, where, trouble))
            except (errors.Unreachable, errors.BadAnswer) as failure:
                self._bear(failure, trouble, where)
            else:
                with self._lock:
                    self._failing_since = None
                return result

    def service_time(self) -> datetime:
        """The latest time that an answer bore; this machine's only where no answer bore one."""
        return self.service_clock or datetime.now(UTC).replace(microsecond=0)

    def note_moved_link(self, place: str) -> None:
        """Warn of a `next` that names another scheme or port of the configured host: once in a run."""
        with self._lock:
            self.traffic.links_moved += 1
            is_first = self.traffic.links_moved == 1
        if is_first:
            log.warning("%s: `next` names another scheme or port than %s; it is followed there", place, self.origin)

    def close(self) -> None:
        """Ends every wait; requests under way come back, later ones fail."""
        self._pace.close()

    def _seconds_left(self, trouble: "_Trouble") -> float:
        """A request ends soon after the patience: a run that gets nothing but failures ends within a minute."""
        since = min(self._failing_since or trouble.sent_at, trouble.since or trouble.sent_at)
        left = since + self._settings.patience_seconds + GRACE - trouble.sent_at
        return min(self._settings.timeout_seconds, max(left, 1.0))

    def _send(self, url: str, where: str, trouble: "_Trouble") -> Answer:
        """The answer, after what it says of the pace was passed on."""
        lines, head, status, pause = list[bytes](), b"", None, 0.0
        trouble.pause = 0.0
        try:
            body = self._perform(url, where, self._seconds_left(trouble), lines)
            head = b"".join(lines)
            status = int(self._local.curl.getinfo(pycurl.RESPONSE_CODE))
            told = time_of(head)
            at = self._note_time(told)
            log.debug("%s: %s, %d bytes", where, status, len(body))
            if status in (200, 204):
                return Answer(body, at, head, status)
            headers = read_headers(head)
            if status in RETRIED:
                trouble.pause = retry_after(headers, told or self.service_clock)
            pause = trouble.pause if trouble.limited + trouble.pause <= self._settings.rate_limit_seconds else 0.0
        finally:
            self._pace.leave(trouble.sent_at, status, head, self.service_clock, pause)
        request = request_id(headers)
        if (token := self._settings.api_token.get_secret_value()) and token in request:
            request = ""
        raise self._failure(status, f"{where}: status {status}" + (f", request {request}" if request else ""))

    def _perform(self, url: str, where: str, seconds: float, lines: list[bytes]) -> bytes:
        """The body; `lines` holds the header of the response afterwards, without those of a proxy or of a 1xx."""

        def keep(line: bytes) -> None:
            if line.startswith(b"HTTP/"):
                lines.clear()
            lines.append(line)

        body = BytesIO()
        if self._pace.closed.is_set():
            raise errors.Unreachable("the run was stopped")
        curl = self._connection()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
        curl.setopt(pycurl.WRITEDATA, body)
        curl.setopt(pycurl.HEADERFUNCTION, keep)
        try:
            curl.perform()
        except pycurl.error as failure:
            curl.close()
            del self._local.curl
            raise errors.Unreachable(
                f"{where}: no answer from {self.origin} ({_reason(failure)})",
                "Check the network and LOGENTIC_BASE_URL, then run again: what was loaded stays.",
            ) from None
        finally:
            with self._lock:
                self.traffic.requests += 1
                self.traffic.bytes += body.tell()
        return redacted_bytes(body.getvalue())  # a service may repeat the token: no row shall hold it

    def _failure(self, status: int, what: str) -> errors.ServiceError:
        if status == 429:
            with self._lock:
                self.traffic.refused_by_limit += 1
            return errors.Unreachable(f"{what} (rate limit)", "Run again later, or with fewer connections.", status)
        if status in RETRIED:
            return errors.Unreachable(
                what, "The service fails at the moment. Run again later: what was loaded stays.", status
            )
        if 300 <= status < 400:
            return errors.UnsafeLink(f"{what}: a redirect is never followed", "Correct LOGENTIC_BASE_URL.", status)
        if status == 401:
            return errors.Unauthorised(what, "The token is wrong or was withdrawn: set LOGENTIC_API_TOKEN.", status)
        if status == 403:
            return errors.Forbidden(what, "This token may not read this resource: ask Logentic for the right.", status)
        if status == 404:
            return errors.NotFound(what, "Check the id, and that LOGENTIC_BASE_URL ends in /v1.", status)
        return errors.Refused(what, "It refuses this request: check LOGENTIC_BASE_URL and the options.", status)

    def _bear(self, failure: errors.ServiceError, trouble: "_Trouble", where: str) -> None:
        """Wait before the next attempt; raise when this request, or all of them, failed for as long as is borne."""
        trouble.attempts += 1
        now, delay = time.monotonic(), min(FIRST_DELAY * 2.0 ** min(trouble.attempts - 1, 16), LONGEST_DELAY)
        delay *= random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
        if failure.status == 429:  # waiting for a rate limit is progress
            self._note_requested_wait(failure, trouble, trouble.pause or delay)
            self._pace.pause_at_least(delay)
            return
        trouble.since = trouble.since or trouble.sent_at
        with self._lock:
            self.traffic.retries += 1
        if trouble.pause > delay:
            self._note_requested_wait(failure, trouble, trouble.pause)
            trouble.since += self._pace.wait(trouble.pause, where, "because the service asks for it")
            return
        with self._lock:
            is_first = self._failing_since is None
            self._failing_since = self._failing_since or trouble.sent_at
            since = min(self._failing_since, trouble.since)
        if self._pace.closed.is_set() or now + delay - since > self._settings.patience_seconds:
            raise failure
        with self._lock:  # a long wait is logged once for all threads
            is_long = delay > LOGGED_WAIT_SECONDS and now > self._logged_until
            self._logged_until = now + delay if is_long else self._logged_until
        level = logging.WARNING if is_long or (is_first and trouble.attempts > 1) else logging.INFO
        log.log(level, "%s; attempt %d failed, again in %.1f s", failure, trouble.attempts, delay)
        self._pace.wait(delay, where)

    def _note_requested_wait(self, failure: errors.ServiceError, trouble: "_Trouble", wait: float) -> None:
        """Count a wait that uses up no patience; raise when those for one response would be longer than they may be."""
        with self._lock:
            self._failing_since = None
        longest = self._settings.rate_limit_seconds
        if trouble.limited + wait > longest:
            what = f"asks to wait {wait:.0f} s" if wait > longest else "refuses this request"
            raise errors.Unreachable(
                f"{failure}: it {what}, for longer than rate_limit_seconds ({longest:g})",
                "Run again later, or with fewer connections, or raise LOGENTIC_RATE_LIMIT_SECONDS.",
                failure.status,
            )
        trouble.limited += wait

    def _note_time(self, at: datetime | None) -> datetime:
        if at is None:
            return self.service_time()
        with self._lock:
            self.service_clock = max(at, self.service_clock or at)
        return at

    def _connection(self) -> pycurl.Curl:
        curl: pycurl.Curl | None = getattr(self._local, "curl", None)
        if curl is None:
            curl = self._local.curl = pycurl.Curl()
            token = self._settings.api_token.get_secret_value()
            curl.setopt(pycurl.HTTPHEADER, [f"Authorization: Bearer {token}", "Accept: application/json"])
            curl.setopt(pycurl.USERAGENT, "logentic-elt")
            curl.setopt(pycurl.ACCEPT_ENCODING, "gzip")
            certificates = trusted_certificates(self._settings)
            if Path(certificates).is_dir():
                curl.unsetopt(pycurl.CAINFO)
                curl.setopt(pycurl.CAPATH, certificates)
            else:
                curl.setopt(pycurl.CAINFO, certificates)
            curl.setopt(pycurl.FOLLOWLOCATION, 0)
            curl.setopt(pycurl.NOSIGNAL, 1)
            curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(min(self._settings.timeout_seconds, 15) * 1000))
            curl.setopt(pycurl.LOW_SPEED_LIMIT, 1)  # not a byte for so many seconds: nobody is there
            curl.setopt(pycurl.LOW_SPEED_TIME, STALLED_AFTER)
            curl.setopt(pycurl.MAXFILESIZE_LARGE, LARGEST_BODY)
            curl.setopt(pycurl.NOPROGRESS, 0)
            curl.setopt(pycurl.XFERINFOFUNCTION, lambda *_: self._pace.closed.is_set())  # true ends the transfer
            if self.base_url.startswith("http:"):  # a proxy would see a token that travels unencrypted
                curl.setopt(pycurl.PROXY, "")
        return curl


def origin(url: str) -> str:
    """Scheme, host and port, the port always said."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


@lru_cache(maxsize=4096)
def _encoded(name: str, value: str) -> str:
    """A parameter as it travels; the same ones go with every page of a list."""
    return urlencode({name: value})


def _reason(failure: pycurl.error) -> str:
    """curl's own words for its error code; its detailed message may hold the URL."""
    names = {
        pycurl.E_COULDNT_RESOLVE_HOST: "the host name is unknown",
        pycurl.E_COULDNT_CONNECT: "the connection was refused",
        pycurl.E_OPERATION_TIMEDOUT: "it took too long",
        pycurl.E_PARTIAL_FILE: "the body was cut short",
        pycurl.E_GOT_NOTHING: "the connection was closed without an answer",
        pycurl.E_RECV_ERROR: "the connection was reset",
        pycurl.E_SEND_ERROR: "the connection was reset",
        pycurl.E_BAD_CONTENT_ENCODING: "the compressed body is damaged",
        pycurl.E_WRITE_ERROR: "the compressed body is damaged",
        pycurl.E_ABORTED_BY_CALLBACK: "the run was stopped",
        pycurl.E_FILESIZE_EXCEEDED: "the body is larger than 256 MB",
        pycurl.E_PEER_FAILED_VERIFICATION: "its certificate is not trusted",
    }
    return names.get(int(failure.args[0]), f"transport error {failure.args[0]}")


def read_headers(head: bytes) -> dict[str, str]:
    """Return the headers, names in lower case. If a header is repeated, the last one wins."""
    headers = {}
    for line in head.decode("latin-1").split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers


def time_of(head: bytes) -> datetime | None:
    """Return the service's time; None where the response has no usable `Date`."""
    date = DATE.search(head)
    return _time(date[1]) if date else None


@lru_cache(maxsize=8)
def _time(date: bytes) -> datetime | None:
    """Many responses bear the same second."""
    at = _parse_date(date.decode("latin-1"))
    return at if at and FIRST_YEAR <= at.year <= LAST_YEAR else None


def retry_after(headers: Mapping[str, str], now: datetime | None) -> float:
    """Return the seconds to wait that the service asks for, given as seconds or a date; 0 where it asks for none."""
    value = headers.get("retry-after", "")
    if SECONDS.fullmatch(value):
        seconds = float(value)
    elif at := _parse_date(value):
        seconds = (at - (now or datetime.now(UTC))).total_seconds()
    else:
        return 0.0
    return max(seconds, SHORTEST_WAIT_SECONDS) if 0 < seconds <= LONGEST_PLAUSIBLE_WAIT_SECONDS else 0.0


def whole_number(text: str) -> int | None:
    """Return a count given in a header; None where it is none."""
    return int(text) if DIGITS.fullmatch(text) else None


def request_id(headers: Mapping[str, str]) -> str:
    """Return the id by which the service can find the request; empty where it could hold anything else."""
    value = headers.get("x-request-id", "")
    return value if REQUEST_ID.fullmatch(value) else ""


def _parse_date(text: str) -> datetime | None:
    """Parse an HTTP date of any of its three forms. One without a zone is in UTC, as HTTP requires."""
    try:
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC) if abs(at.utcoffset() or timedelta()) <= LARGEST_OFFSET else None
    except (ValueError, TypeError, ArithmeticError, LookupError):
        return None
