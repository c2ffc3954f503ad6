"""Receive events over HTTP: verify, queue, respond.

The service's signature scheme is not documented. Header and form are those of spatie/laravel-webhook-server
(`Signature: hex(HMAC-SHA256(secret, body))`, three tries, 3 s each); hash and encoding are settings.
"""

import asyncio
import base64
import hmac
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from logentic.events.event import EventParser
from logentic.events.queue import EventQueue

log = logging.getLogger("logentic")

PATH, HEALTH = "/webhooks/logentic", "/healthz"
BODY_BYTES = 256 * 1024
BODY_SECONDS = 5.0
LOOPBACK = ("127.0.0.1", "::1")
SENT_ONCE = {"content-length", "content-type", "signature", "logentic-topic", "logentic-api-version"}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class DeliveryRefused(Exception):
    """A delivery to refuse with `status`."""

    def __init__(self, status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(reason)
        self.status, self.headers = status, list(headers)


class SignatureVerifier:
    """Verify that a body was signed with one of the secrets; several are valid while one replaces another."""

    def __init__(self, secrets: Iterable[str], algorithm: str = "sha256", encoding: str = "hex") -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._algorithm, self._encoding = algorithm, encoding

    def is_required(self) -> bool:
        return bool(self._secrets)

    def is_valid(self, signature: str, body: bytes) -> bool:
        """Return whether the signature fits any secret; compare in constant time, with every secret."""
        given = signature.strip().encode("latin-1", "replace")
        if self._encoding == "hex":
            given = given.lower()
        return any([hmac.compare_digest(given, self._sign(secret, body)) for secret in self._secrets])  # noqa: C419

    def _sign(self, secret: bytes, body: bytes) -> bytes:
        digest = hmac.digest(secret, body, self._algorithm)
        return digest.hex().encode() if self._encoding == "hex" else base64.b64encode(digest)


class Receiver:
    """The ASGI application: POST /webhooks/logentic, GET /healthz.

    Without secrets it accepts unsigned deliveries from this machine only. `on_stored` is called for every new event.
    """

    def __init__(
        self,
        queue: EventQueue,
        parser: EventParser,
        signatures: SignatureVerifier,
        on_stored: Callable[[], None] = lambda: None,
    ) -> None:
        self._queue, self._parser, self._signatures, self._on_stored = queue, parser, signatures, on_stored

    def close(self) -> None:
        """Write the waiting events."""
        self._queue.close()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _handle_lifespan(receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # responds 403 before the WebSocket is opened
            return
        if scope["type"] != "http":
            return
        headers: list[tuple[str, str]] = []
        try:
            response = await self._respond(scope, receive)
            status = 200
        except DeliveryRefused as refusal:
            response, status, headers = {"error": str(refusal)}, refusal.status, refusal.headers
        except ClientGone:
            return
        body = json.dumps(response).encode()
        named = [("content-type", "application/json"), ("content-length", str(len(body))), *headers]
        encoded = [(name.encode(), value.encode()) for name, value in named]
        # the sender disconnected: it will retry, and the duplicate will be recognized
        with suppress(RuntimeError, OSError):
            await send({"type": "http.response.start", "status": status, "headers": encoded})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _respond(self, scope: Message, receive: Receive) -> dict[str, Any]:
        if scope["path"] == PATH:
            if scope["method"] != "POST":
                raise DeliveryRefused(405, "only POST", [("allow", "POST")])
            return await self._store_event(scope, receive)
        if scope["path"] == HEALTH:
            if scope["method"] not in ("GET", "HEAD"):
                raise DeliveryRefused(405, "only GET", [("allow", "GET, HEAD")])
            if not await asyncio.to_thread(self._queue.can_write):
                raise DeliveryRefused(503, "the queue cannot be written")
            return {"queue": "can be written"}
        raise DeliveryRefused(404, "no such path")

    async def _store_event(self, scope: Message, receive: Receive) -> dict[str, Any]:
        headers = _headers_of(scope)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise DeliveryRefused(415, "content-type must be application/json")
        self._check_sender(scope, headers)
        body = await _read_body(headers, receive)
        if self._signatures.is_required() and not self._signatures.is_valid(headers["signature"], body):
            raise DeliveryRefused(401, "wrong signature")
        topic = headers.get("logentic-topic")
        content = self._parser.digest_content(topic, body)
        if self._queue.has_content(content):
            return {"kept": False}
        try:
            event = self._parser.parse(content, headers, body, datetime.now(UTC))
        except ValueError:
            raise DeliveryRefused(400, "the body is not JSON") from None
        try:
            is_new = await asyncio.wrap_future(self._queue.put(event))
        except OSError as error:
            log.error("an event could not be stored: %s", error.strerror)  # noqa: TRY400 - a traceback says no more
            raise DeliveryRefused(503, "the queue cannot be written", [("retry-after", "10")]) from None
        if is_new:
            log.info("kept %s, topic %s", event.event_id, (topic or "none")[:80].encode("unicode_escape").decode())
            self._on_stored()
        return {"kept": is_new}

    def _check_sender(self, scope: Message, headers: dict[str, str]) -> None:
        if self._signatures.is_required():
            if "signature" not in headers:
                raise DeliveryRefused(401, "no signature")
        elif (scope.get("client") or [""])[0] not in LOOPBACK or {"forwarded", "x-forwarded-for"} & headers.keys():
            raise DeliveryRefused(403, "unsigned events are accepted from this machine only")


def _headers_of(scope: Message) -> dict[str, str]:
    """Return the headers by name; refuse a repeated one that matters here, because a proxy may read the other value."""
    headers: dict[str, str] = {}
    for encoded, value in scope["headers"]:
        name = encoded.decode("latin-1").lower()
        if name in headers and name in SENT_ONCE:
            raise DeliveryRefused(400, f"{name} is sent twice", [("connection", "close")])
        headers[name] = value.decode("latin-1")
    return headers


class ClientGone(Exception):
    """The client disconnected before its request was complete."""


async def _read_body(headers: dict[str, str], receive: Receive) -> bytes:
    """Return the bytes of the body; refuse a body that is too large or too slow."""
    announced = headers.get("content-length", "0")
    if not re.fullmatch("[0-9]+", announced):
        raise DeliveryRefused(400, "content-length is not a number", [("connection", "close")])
    if len(digits := announced.lstrip("0")) > 12 or int(digits or 0) > BODY_BYTES:
        raise DeliveryRefused(413, "the body is too large", [("connection", "close")])
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if len(body) > BODY_BYTES:
                    raise DeliveryRefused(413, "the body is too large", [("connection", "close")])
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise DeliveryRefused(408, "the body came too slowly", [("connection", "close")]) from None


async def _handle_lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
