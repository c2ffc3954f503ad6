"""Send requests that change the account: the only code from which anything but GET leaves the process."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from io import BytesIO
from typing import Any

import pycurl

from logentic.api.client import Client, describe_failure, parse_service_time, read_headers, request_id, retry_after
from logentic.errors import UsageError
from logentic.json_text import as_list, dumps, is_too_deep, loads
from logentic.sanitizer import one_line, redacted_bytes

METHODS = ("POST", "PUT", "DELETE")
# Failures before a byte of the request has left.
NOT_CONNECTED = {
    pycurl.E_COULDNT_RESOLVE_PROXY,
    pycurl.E_COULDNT_RESOLVE_HOST,
    pycurl.E_COULDNT_CONNECT,
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_PEER_FAILED_VERIFICATION,
}
# The service refuses a request before it works on it. Any other failure may come after the change was made.
REFUSED_STATUSES = set(range(400, 500)) - {408, 425, 429}


class Outcome(Enum):
    """What is known about the change that a request asks for."""

    WRITTEN = "written"
    REFUSED = "refused"
    LIMITED = "limited"  # by the rate limit, before the change
    NOT_SENT = "not_sent"
    LOST = "lost"  # no answer, or one that does not say whether the change was made


@dataclass(frozen=True)
class WriteResponse:
    """`errors`: the service's messages by field. `wait`: seconds that it asks to wait before the next request."""

    outcome: Outcome
    reason: str = ""
    status: int | None = None
    record: dict[str, Any] | None = None
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    wait: float = 0.0

    @property
    def record_id(self) -> int | None:
        return record_id(self.record)


def record_id(record: Any) -> int | None:
    """Return the id of a record; None if it has none that fits 64 bits."""
    value = str(record.get("id", "")) if isinstance(record, dict) else ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def require_writes(allowed: bool) -> None:
    if not allowed:
        raise UsageError(
            "writing is switched off: no request was sent",
            "Set LOGENTIC_ALLOW_WRITES=true to let this command change the account.",
        )


class WriteClient(Client):
    """A client that also writes. It sends each request once; the caller decides whether to repeat it."""

    def write(self, method: str, path: str, fields: Mapping[str, Any] | None, where: str) -> WriteResponse:
        """Send one request. Raises `UsageError` unless the setting `allow_writes` is on."""
        require_writes(self._settings.allow_writes)
        if method not in METHODS:
            raise ValueError(method)
        self._limiter.acquire(where)
        sent_at, status, pause = time.monotonic(), None, 0.0
        lines: list[bytes] = []
        try:
            body, failure = self._perform_write(method, path, fields, lines)
            if failure is not None:
                return failure
            head = b"".join(lines)
            status = self._status
            at = parse_service_time(head)
            self._record_service_time(at)
            response = _interpret(status, body, read_headers(head), where)
            if status == 429:
                pause = retry_after(read_headers(head), at or self.service_clock)
                response = WriteResponse(Outcome.LIMITED, response.reason, status, wait=pause)
                pause = pause if pause <= self._settings.rate_limit_seconds else 0.0
            return response
        finally:
            self._limiter.release(sent_at, status, b"".join(lines), self.service_clock, pause)

    def _perform_write(
        self, method: str, path: str, fields: Mapping[str, Any] | None, lines: list[bytes]
    ) -> tuple[bytes, WriteResponse | None]:
        """Return the body, or what a failure of the connection means."""

        def keep(line: bytes) -> None:
            if line.startswith(b"HTTP/"):
                lines.clear()
            lines.append(line)

        body = BytesIO()
        # A connection of its own: on one that was used before, curl sends a request again when it is closed without an
        # answer.
        curl = self._new_connection("Content-Type: application/json", "Expect:")
        curl.setopt(pycurl.URL, f"{self.base_url}{path}")
        curl.setopt(pycurl.CUSTOMREQUEST, method)
        if fields is not None:
            curl.setopt(pycurl.POSTFIELDS, dumps(fields))
        curl.setopt(pycurl.TIMEOUT_MS, int(self._settings.timeout_seconds * 1000))
        curl.setopt(pycurl.WRITEDATA, body)
        curl.setopt(pycurl.HEADERFUNCTION, keep)
        try:
            curl.perform()
            self._status = int(curl.getinfo(pycurl.RESPONSE_CODE))
        except pycurl.error as failure:
            lines.clear()
            code = int(failure.args[0])
            if code == pycurl.E_ABORTED_BY_CALLBACK:
                raise KeyboardInterrupt from None
            outcome = Outcome.NOT_SENT if code in NOT_CONNECTED else Outcome.LOST
            return b"", WriteResponse(outcome, f"no answer ({describe_failure(failure)})")
        finally:
            curl.close()
            with self._lock:
                self.traffic.requests += 1
                self.traffic.bytes += body.tell()
        return redacted_bytes(body.getvalue()), None


def _interpret(status: int, body: bytes, headers: Mapping[str, str], where: str) -> WriteResponse:
    reason = f"status {status}" + (f", request {found}" if (found := request_id(headers)) else "")
    document = _document(body)
    if status == 204:
        return WriteResponse(Outcome.WRITTEN, reason, status)
    if status in (200, 201):
        record = document.get("data")
        if isinstance(record, dict):
            return WriteResponse(Outcome.WRITTEN, reason, status, record)
        return WriteResponse(Outcome.LOST, f"{reason} without a record", status)
    if status in REFUSED_STATUSES:
        return WriteResponse(Outcome.REFUSED, reason, status, errors=_errors(document))
    return WriteResponse(Outcome.LOST, reason, status)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) and not is_too_deep(document) else {}


def _errors(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return Laravel's messages by field; under an empty name what concerns no field."""
    errors = document.get("errors")
    found: dict[str, list[str]] = {}
    for name, texts in errors.items() if isinstance(errors, dict) else ():
        found[one_line(name)] = [one_line(text) for text in as_list(texts) or [texts] if isinstance(text, str)]
    if not found and isinstance(message := document.get("message"), str):
        found[""] = [one_line(message)]
    return found
