"""Limit an HTTP server's connections: the time and size of a request's header, and how many wait at once.

uvicorn limits neither: a client that never completes its header holds a connection forever, and enough of them lock out
all others. `protocol_class` gives uvicorn a protocol with these limits, for httptools and h11.
"""

import asyncio
from collections import OrderedDict
from typing import Any

HEADER_SECONDS = 5.0  # from the first byte of a request, or the start of the connection, to the end of the header
HEADER_BYTES = 64 * 1024
REST_BYTES = 1024 * 1024  # of a body that was refused before it was complete
TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Waiting:
    """The connections that wait for bytes from their client, longest wait first."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._protocols: OrderedDict[Any, None] = OrderedDict()

    def add(self, protocol: Any) -> None:
        self._protocols.setdefault(protocol)

    def discard(self, protocol: Any) -> None:
        self._protocols.pop(protocol, None)

    def make_room(self, connections: set[Any], newest: Any) -> bool:
        """Close the connection that has waited longest if there are too many; return False if none is waiting."""
        if len(connections) < self.limit:
            return True
        oldest = next((each for each in self._protocols if each is not newest), None)
        if oldest is None:
            return False
        self.discard(oldest)
        connections.discard(oldest)
        oldest.transport.abort()
        return True


def protocol_class(limit: int, header_seconds: float = HEADER_SECONDS) -> type[asyncio.Protocol]:
    """Return the protocol for `uvicorn.Config(http=…)`. It replaces `limit_concurrency`: at the limit, a new connection
    gets 503 only if no other is waiting.
    """
    from uvicorn.protocols.http.flow_control import service_unavailable

    base: Any
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as base  # noqa: N813
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol as base  # noqa: N813

    waiting = Waiting(limit)

    class LimitedProtocol(base):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._header_timer: asyncio.TimerHandle | None = None
            self._header_bytes = 0
            if not waiting.make_room(self.connections, self):
                self.app = service_unavailable
            self._await_header()

        def data_received(self, data: bytes) -> None:
            if self._has_no_request():
                self._await_header()
                self._header_bytes += len(data)
            super().data_received(data)
            self._look()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self.transport.is_closing():
                self._look()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def _look(self) -> None:
            """Update whether the next byte is due from the client."""
            if self.transport.is_closing() or self.transport.get_protocol() is not self:  # upgraded to a WebSocket
                self._stop_waiting()
            elif self._has_no_request():
                waiting.add(self)
                is_rest = self.cycle is not None and self.cycle.more_body
                if self._header_bytes > (REST_BYTES if is_rest else HEADER_BYTES):
                    self._refuse(b"" if is_rest else TOO_LARGE)
            else:
                self._stop_timer()
                waiting.add(self) if self.cycle.more_body else waiting.discard(self)

        def _has_no_request(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _await_header(self) -> None:
            waiting.add(self)
            if self._header_timer is None:
                self._header_timer = self.loop.call_later(header_seconds, self._refuse, TIMED_OUT)

        def _refuse(self, answer: bytes) -> None:
            is_begun = self._header_bytes > 0
            self._stop_waiting()
            if not self.transport.is_closing():
                if is_begun:
                    self.transport.write(answer)
                self.transport.close()

        def _stop_timer(self) -> None:
            self._header_bytes = 0
            if self._header_timer is not None:
                self._header_timer.cancel()
                self._header_timer = None

        def _stop_waiting(self) -> None:
            self._stop_timer()
            waiting.discard(self)

    return LimitedProtocol
