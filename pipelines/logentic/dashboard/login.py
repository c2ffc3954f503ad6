"""Check the dashboard's password as bytes, and limit failed attempts.

marimo compares passwords as text, which fails for letters other than ASCII, and without a limit. So marimo gets a
random token that nobody types, and `Login`, in front of it, replaces the right password by that token. All ways in are
covered: the form, `?access_token=`, and the headers of Basic and Bearer authentication.
"""

import asyncio
import base64
import binascii
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from math import ceil
from typing import Any
from unicodedata import normalize
from urllib.parse import parse_qsl, urlencode

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]

FREE_FAILURES = 5  # per source, before it has to wait
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 2.0, 300.0
SOURCES = 1024  # sources that are remembered; beyond it, forget the one not seen for longest
# A limit for all sources together, so that many addresses do not allow more attempts.
BURST, PER_SECOND = 60.0, 1.0
FORM_BYTES, FORM_SECONDS = 8 * 1024, 5.0
QUERY = "access_token"  # marimo's parameter
WRONG = "wrong"


class TooManyFailures(Exception):
    """An attempt that is refused unchecked; the next one is allowed after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = max(ceil(seconds), 1)


@dataclass
class _Source:
    failures: int = 0
    until: float = 0.0


class Throttle:
    """Count failed logins, by source and in total, in constant memory. `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sources: OrderedDict[str, _Source] = OrderedDict()
        self._left, self._left_at = BURST, clock()

    def require_turn(self, address: str) -> None:
        """Raise `TooManyFailures` if the source, or all sources together, failed too often."""
        now = self._clock()
        source = self._sources.get(source_of(address))
        if source and source.until > now:
            raise TooManyFailures(source.until - now)
        self._refill(now)
        if self._left < 1:
            raise TooManyFailures((1 - self._left) / PER_SECOND)

    def note_failure(self, address: str) -> None:
        now, name = self._clock(), source_of(address)
        self._refill(now)
        self._left = max(self._left - 1, 0)
        source = self._sources.setdefault(name, _Source())
        self._sources.move_to_end(name)
        source.failures += 1
        if source.failures >= FREE_FAILURES:
            doublings = min(source.failures - FREE_FAILURES, 16)
            source.until = now + min(FIRST_WAIT_SECONDS * 2**doublings, LONGEST_WAIT_SECONDS)
        while len(self._sources) > SOURCES:
            self._sources.popitem(last=False)

    def note_success(self, address: str) -> None:
        self._sources.pop(source_of(address), None)

    def _refill(self, now: float) -> None:
        self._left = min(self._left + (now - self._left_at) * PER_SECOND, BURST)
        self._left_at = now


def source_of(address: str) -> str:
    """Return the source to count: an address; for IPv6 its 64-bit network, which belongs to one household."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)


class Login:
    """The ASGI application that checks every password of a request and gives marimo its token instead."""

    def __init__(self, app: App, password: str, token: str, throttle: Throttle | None = None) -> None:
        self._app, self._password, self._token = app, _encode_password(password), token
        self._throttle = throttle or Throttle()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            scope, receive = await self._with_token(scope, receive)
        except TooManyFailures as failures:
            text = f"Too many failed logins. Try again in {failures.seconds} seconds."
            await refuse(scope, send, 429, text, [(b"retry-after", str(failures.seconds).encode())])
            return
        except TimeoutError:
            return
        await self._app(scope, receive, send)

    async def _with_token(self, scope: Scope, receive: Any) -> tuple[Scope, Any]:
        """Return the request with marimo's token, or a wrong one, in place of each password."""
        address = str((scope.get("client") or ("",))[0])
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if any(name == QUERY for name, _ in query):
            checked = [(name, self._token_for(value, address) if name == QUERY else value) for name, value in query]
            scope = {**scope, "query_string": urlencode(checked).encode()}
        headers = [(name, self._header(name, value, address)) for name, value in scope["headers"]]
        scope = {**scope, "headers": headers}
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].rstrip("/").endswith("/auth/login"):
            body = await _read_form(receive)
            form = dict(parse_qsl(body.decode("utf-8", "replace")))
            sent = urlencode({"password": self._token_for(form["password"], address)} if "password" in form else {})
            headers = [
                (name, value) for name, value in headers if name not in (b"content-length", b"transfer-encoding")
            ]
            scope["headers"] = [*headers, (b"content-length", str(len(sent)).encode())]
            receive = _replay_first(sent.encode(), receive)
        return scope, receive

    def _header(self, name: bytes, value: bytes, address: str) -> bytes:
        scheme, _, credentials = value.partition(b" ")
        if name.lower() != b"authorization" or scheme.lower() not in (b"basic", b"bearer"):
            return value
        if scheme.lower() == b"bearer":
            return b"Bearer " + self._token_for(_decode_header(credentials), address).encode()
        try:
            user, _, password = _decode_header(base64.b64decode(credentials)).partition(":")
        except (binascii.Error, ValueError):
            user, password = "", ""
        given = f"{user.encode('ascii', 'replace').decode() or 'user'}:{self._token_for(password, address)}"
        return b"Basic " + base64.b64encode(given.encode())

    def _token_for(self, password: str, address: str) -> str:
        self._throttle.require_turn(address)
        if hmac.compare_digest(_encode_password(password), self._password):
            self._throttle.note_success(address)
            return self._token
        self._throttle.note_failure(address)
        return WRONG


def _encode_password(password: str) -> bytes:
    """Normalize the password: keyboards write an accent as one character or two."""
    return normalize("NFC", password).encode("utf-8", "replace")


def _decode_header(given: bytes) -> str:
    """Decode a header as UTF-8 or Latin-1; browsers send either."""
    try:
        return given.decode("utf-8")
    except UnicodeDecodeError:
        return given.decode("latin-1")


async def _read_form(receive: Any) -> bytes:
    """Return the form's bytes, at most as many as a password needs; raise TimeoutError if they arrive too slowly."""
    body = b""
    async with asyncio.timeout(FORM_SECONDS):
        while len(body) < FORM_BYTES:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] != "http.request" or not message.get("more_body"):
                break
    return body[:FORM_BYTES]


def _replay_first(body: bytes, receive: Any) -> Any:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Any:
        return messages.pop() if messages else await receive()

    return replay


async def refuse(scope: Scope, send: Any, status: int, text: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    named = [(b"content-type", b"text/plain"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": text.encode()})
