"""Send one request and return its response, with retries, back-off and the rate limit.

The service chooses the headers: one that cannot be read is ignored, and never an error.
"""

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
from logentic.api.rate_limiter import LOGGED_WAIT_SECONDS, RateLimiter
from logentic.sanitizer import redacted_bytes
from logentic.settings import Settings, trusted_certificates

log = logging.getLogger("logentic")
Result = TypeVar("Result")
LARGEST_BODY_BYTES = 256 * 2**20
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, STALL_SECONDS, GRACE_SECONDS = 0.5, 30.0, 20, 15  # seconds
NO_TIME = -inf
RETRIED_STATUSES = {408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524}
DATE = re.compile(rb"^date:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
DIGITS = re.compile(r"[0-9]{1,15}")
SECONDS = re.compile(r"[0-9]+(\.[0-9]{1,9})?")
REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# Ignore a clock outside these years: an unset one returns 1970, and later dates overflow in computations.
FIRST_YEAR, LAST_YEAR = 2015, 2199
LARGEST_OFFSET = timedelta(hours=14)  # of a time zone
SHORTEST_WAIT_SECONDS = 1.0
LONGEST_PLAUSIBLE_WAIT_SECONDS = 31 * 86_400  # a longer Retry-After is an error of the service, not a limit


@dataclass
class Traffic:
    """Count requests and received bytes, for receipts and the summary."""

    requests: int = 0
    bytes: int = 0
    refused_by_limit: int = 0
    retries: int = 0
    links_moved: int = 0  # `next` links with another scheme or port of the configured host


@dataclass(frozen=True)
class Response:
    body: bytes
    at: datetime  # the service's time, UTC, whole seconds
    head: bytes
    status: int = 200

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case."""
        return read_headers(self.head)


@dataclass
class _RetryState:
    """Attempts of one request. `sent_at` is of the last attempt, `since` of the first failure (monotonic seconds).

    `pause`: the wait that the last response asked for, `requested_wait`: the sum of such waits, in seconds.
    """

    sent_at: float = 0.0
    attempts: int = 0
    since: float = 0.0
    pause: float = 0.0
    requested_wait: float = 0.0


class Client:
    """Send requests from several threads, each with a kept-alive connection of its own.

    `lists`: paths of lists that were read in this run; a 404 for one of them means a list without rows.
    `stop_at` (monotonic seconds): only the first request is sent after it; with `NO_TIME` each is sent once.
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
        self._logged_until = -inf  # when the last logged back-off ends
        self._may_retry = stop_at > NO_TIME
        self._limiter = RateLimiter(settings.connections, longest_wait=settings.rate_limit_seconds, stop_at=stop_at)

    def get(self, path: str, params: Mapping[str, str], where: str, read: Callable[[Response], Result]) -> Result:
        """Send until `read` accepts the response; it raises `InvalidResponse` for one to be requested again.

        Raises `ServiceError` when retrying does not help, or failures last longer than `retry_seconds`.
        """
        url = f"{self.base_url}{path}" + (
            f"?{'&'.join(map(_encode_parameter, params, params.values()))}" if params else ""
        )
        retry = _RetryState()
        while True:
            may_be_late = not retry.attempts and not (self.traffic.requests and self._may_retry)
            # A pause that the service asked for does not count as a failure.
            if paused := self._limiter.acquire(where, may_be_late=may_be_late):
                self._failing_since = None
                retry.since += paused if retry.since else 0.0
            retry.sent_at = time.monotonic()
            try:
                result = read(self._send(url, where, retry))
            except (errors.Unreachable, errors.InvalidResponse) as failure:
                self._backoff_or_raise(failure, retry, where)
            else:
                with self._lock:
                    self._failing_since = None
                return result

    def service_time(self) -> datetime:
        """Return the latest time of a response; this machine's time if no response had one."""
        return self.service_clock or datetime.now(UTC).replace(microsecond=0)

    def warn_of_moved_link(self, label: str) -> None:
        """Warn once per run of a `next` link with another scheme or port of the configured host."""
        with self._lock:
            self.traffic.links_moved += 1
            is_first = self.traffic.links_moved == 1
        if is_first:
            log.warning("%s: `next` names another scheme or port than %s; it is followed there", label, self.origin)

    def close(self) -> None:
        """End every wait and every request in flight; later requests fail."""
        self._limiter.close()

    def _timeout_seconds(self, retry: "_RetryState") -> float:
        """Return the timeout of an attempt, so that a run in which every request fails ends within a minute."""
        since = min(self._failing_since or retry.sent_at, retry.since or retry.sent_at)
        left = since + self._settings.retry_seconds + GRACE_SECONDS - retry.sent_at
        return min(self._settings.timeout_seconds, max(left, 1.0))

    def _send(self, url: str, where: str, retry: "_RetryState") -> Response:
        """Return the response, after passing its headers to the rate limiter."""
        lines, head, status, pause = list[bytes](), b"", None, 0.0
        retry.pause = 0.0
        try:
            body = self._perform(url, where, self._timeout_seconds(retry), lines)
            head = b"".join(lines)
            status = int(self._local.curl.getinfo(pycurl.RESPONSE_CODE))
            at_service = parse_service_time(head)
            at = self._record_service_time(at_service)
            log.debug("%s: %s, %d bytes", where, status, len(body))
            if status in (200, 204):
                return Response(body, at, head, status)
            headers = read_headers(head)
            if status in RETRIED_STATUSES:
                retry.pause = retry_after(headers, at_service or self.service_clock)
            pause = retry.pause if retry.requested_wait + retry.pause <= self._settings.rate_limit_seconds else 0.0
        finally:
            self._limiter.release(retry.sent_at, status, head, self.service_clock, pause)
        request = request_id(headers)
        if (token := self._settings.api_token.get_secret_value()) and token in request:
            request = ""
        raise self._error_for(status, f"{where}: status {status}" + (f", request {request}" if request else ""))

    def _perform(self, url: str, where: str, seconds: float, lines: list[bytes]) -> bytes:
        """Return the body and fill `lines` with the headers of the final response (not those of a proxy or a 1xx)."""

        def keep(line: bytes) -> None:
            if line.startswith(b"HTTP/"):
                lines.clear()
            lines.append(line)

        body = BytesIO()
        if self._limiter.closed.is_set():
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
                f"{where}: no response from {self.origin} ({describe_failure(failure)})",
                "Check the network and LOGENTIC_BASE_URL, then run again: loaded data is kept.",
            ) from None
        finally:
            with self._lock:
                self.traffic.requests += 1
                self.traffic.bytes += body.tell()
        return redacted_bytes(body.getvalue())  # a service may repeat the token; never store it

    def _error_for(self, status: int, what: str) -> errors.ServiceError:
        if status == 429:
            with self._lock:
                self.traffic.refused_by_limit += 1
            return errors.Unreachable(f"{what} (rate limit)", "Run again later, or with fewer connections.", status)
        if status in RETRIED_STATUSES:
            return errors.Unreachable(what, "The service is failing. Run again later: loaded data is kept.", status)
        if 300 <= status < 400:
            return errors.UnsafeLink(f"{what}: a redirect is never followed", "Correct LOGENTIC_BASE_URL.", status)
        if status == 401:
            return errors.Unauthorised(what, "The token is wrong or was withdrawn: set LOGENTIC_API_TOKEN.", status)
        if status == 403:
            return errors.Forbidden(what, "This token may not read this resource: ask Logentic for access.", status)
        if status == 404:
            return errors.NotFound(what, "Check the id, and that LOGENTIC_BASE_URL ends in /v1.", status)
        return errors.Refused(what, "It refuses this request: check LOGENTIC_BASE_URL and the options.", status)

    def _backoff_or_raise(self, failure: errors.ServiceError, retry: "_RetryState", where: str) -> None:
        """Wait before the next attempt; raise if this request, or all requests, failed for `retry_seconds`."""
        retry.attempts += 1
        now = time.monotonic()
        delay = min(FIRST_DELAY_SECONDS * 2.0 ** min(retry.attempts - 1, 16), LONGEST_DELAY_SECONDS)
        delay *= random.uniform(0.5, 1)  # noqa: S311 - jitter, not a secret
        if failure.status == 429:  # waiting for a rate limit does not count as a failure
            self._count_requested_wait(failure, retry, retry.pause or delay)
            self._limiter.pause_at_least(delay)
            return
        retry.since = retry.since or retry.sent_at
        with self._lock:
            self.traffic.retries += 1
        if retry.pause > delay:
            self._count_requested_wait(failure, retry, retry.pause)
            retry.since += self._limiter.wait(retry.pause, where, "because the service asks for it")
            return
        with self._lock:
            is_first = self._failing_since is None
            self._failing_since = self._failing_since or retry.sent_at
            since = min(self._failing_since, retry.since)
        if self._limiter.closed.is_set() or now + delay - since > self._settings.retry_seconds:
            raise failure
        with self._lock:  # log a long wait once for all threads
            is_long = delay > LOGGED_WAIT_SECONDS and now > self._logged_until
            self._logged_until = now + delay if is_long else self._logged_until
        level = logging.WARNING if is_long or (is_first and retry.attempts > 1) else logging.INFO
        log.log(level, "%s; attempt %d failed, again in %.1f s", failure, retry.attempts, delay)
        self._limiter.wait(delay, where)

    def _count_requested_wait(self, failure: errors.ServiceError, retry: "_RetryState", wait: float) -> None:
        """Count a wait outside `retry_seconds`; raise if such waits for one response exceed `rate_limit_seconds`."""
        with self._lock:
            self._failing_since = None
        longest = self._settings.rate_limit_seconds
        if retry.requested_wait + wait > longest:
            what = f"asks to wait {wait:.0f} s" if wait > longest else "refuses this request"
            raise errors.Unreachable(
                f"{failure}: it {what}, for longer than rate_limit_seconds ({longest:g})",
                "Run again later, or with fewer connections, or raise LOGENTIC_RATE_LIMIT_SECONDS.",
                failure.status,
            )
        retry.requested_wait += wait

    def _record_service_time(self, at: datetime | None) -> datetime:
        if at is None:
            return self.service_time()
        with self._lock:
            self.service_clock = max(at, self.service_clock or at)
        return at

    def _connection(self) -> pycurl.Curl:
        curl: pycurl.Curl | None = getattr(self._local, "curl", None)
        if curl is None:
            curl = self._local.curl = self._new_connection()
        return curl

    def _new_connection(self, *headers: str) -> pycurl.Curl:
        """Return a connection with further headers."""
        curl = pycurl.Curl()
        token = self._settings.api_token.get_secret_value()
        curl.setopt(pycurl.HTTPHEADER, [f"Authorization: Bearer {token}", "Accept: application/json", *headers])
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
        curl.setopt(pycurl.LOW_SPEED_LIMIT, 1)  # treat a connection without data for this long as lost
        curl.setopt(pycurl.LOW_SPEED_TIME, STALL_SECONDS)
        curl.setopt(pycurl.MAXFILESIZE_LARGE, LARGEST_BODY_BYTES)
        curl.setopt(pycurl.NOPROGRESS, 0)
        curl.setopt(pycurl.XFERINFOFUNCTION, lambda *_: self._limiter.closed.is_set())  # true aborts the transfer
        if self.base_url.startswith("http:"):  # a proxy would see an unencrypted token
            curl.setopt(pycurl.PROXY, "")
        return curl


def origin(url: str) -> str:
    """Return scheme, host and port of a URL; the port is always present."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


@lru_cache(maxsize=4096)
def _encode_parameter(name: str, value: str) -> str:
    """Encode a parameter; cached, because every page of a list has the same ones."""
    return urlencode({name: value})


def describe_failure(failure: pycurl.error) -> str:
    """Describe an error by its code: curl's detailed message may hold the URL."""
    names = {
        pycurl.E_COULDNT_RESOLVE_HOST: "the host name is unknown",
        pycurl.E_COULDNT_CONNECT: "the connection was refused",
        pycurl.E_OPERATION_TIMEDOUT: "it took too long",
        pycurl.E_PARTIAL_FILE: "the body was cut short",
        pycurl.E_GOT_NOTHING: "the connection was closed without a response",
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


def parse_service_time(head: bytes) -> datetime | None:
    """Return the service's time; None if the response has no usable `Date`."""
    date = DATE.search(head)
    return _parse_date_header(date[1]) if date else None


@lru_cache(maxsize=8)
def _parse_date_header(date: bytes) -> datetime | None:
    """Parse the header; cached, because many responses have the same second."""
    at = _parse_http_date(date.decode("latin-1"))
    return at if at and FIRST_YEAR <= at.year <= LAST_YEAR else None


def retry_after(headers: Mapping[str, str], now: datetime | None) -> float:
    """Return the seconds to wait that the service asks for, given as seconds or a date; 0 if it asks for none."""
    value = headers.get("retry-after", "")
    if SECONDS.fullmatch(value):
        seconds = float(value)
    elif at := _parse_http_date(value):
        seconds = (at - (now or datetime.now(UTC))).total_seconds()
    else:
        return 0.0
    return max(seconds, SHORTEST_WAIT_SECONDS) if 0 < seconds <= LONGEST_PLAUSIBLE_WAIT_SECONDS else 0.0


def parse_count(text: str) -> int | None:
    """Return a count given in a header; None if it is not a count."""
    return int(text) if DIGITS.fullmatch(text) else None


def request_id(headers: Mapping[str, str]) -> str:
    """Return the id by which the service can find the request; empty if the header has another form."""
    value = headers.get("x-request-id", "")
    return value if REQUEST_ID.fullmatch(value) else ""


def _parse_http_date(text: str) -> datetime | None:
    """Parse an HTTP date of any of its three forms. One without a zone is in UTC, as HTTP requires."""
    try:
        at = parsedate_to_datetime(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC) if abs(at.utcoffset() or timedelta()) <= LARGEST_OFFSET else None
    except (ValueError, TypeError, ArithmeticError, LookupError):
        return None
