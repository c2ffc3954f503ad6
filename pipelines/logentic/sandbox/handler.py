"""One HTTP connection at a time: a request is taken apart, answered by the sandbox or struck by a fault, and
logged.
"""

import gzip
import socket
import struct
import time
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from logentic.sandbox.faults import Fault, distort, error_page, message

if TYPE_CHECKING:
    from logentic.sandbox.server import Sandbox

JSON, HTML = "application/json", "text/html; charset=utf-8"


class SandboxServer(ThreadingHTTPServer):
    """A thread per connection; all of them hang up when it stops."""

    daemon_threads = True
    request_queue_size = 128
    sandbox: "Sandbox"

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""

    def hang_up(self) -> None:
        """Close what clients keep open, so that no thread waits for their next request."""
        for connection in list(self._open):
            self.shutdown_request(connection)


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1, keep-alive, gzip where the client takes it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: SandboxServer

    def log_message(self, *_: object) -> None:
        """The log is `sandbox.requests`."""

    def do_GET(self) -> None:
        sandbox = self.server.sandbox
        self._take_apart()
        if sandbox.latency:
            time.sleep(sandbox.latency)
        if sandbox.rate_limit and (wait := sandbox.rate_limit.take()):
            self._too_many(ceil(wait), as_date=False)
            return
        fault = sandbox.strike(self.path, self.query)
        if fault and self._fail(fault):
            return
        if self.headers.get("Authorization") != f"Bearer {sandbox.token}":
            self._send(401, message("Unauthenticated."))
            return
        answer = sandbox.answer(self.path, self.query)
        if fault:
            distort(fault, answer, sandbox.origin, self.path, self.query)
        self._send(answer.status, answer.body(), fault=fault)

    def do_POST(self) -> None:
        """A client can change nothing here."""
        self._take_apart()
        self.close_connection = True
        text = f"The {self.command} method is not supported for route {self.path[1:]}. Supported methods: GET, HEAD."
        self._send(405, message(text), {"Allow": "GET, HEAD"})

    do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - http.server's names

    def _take_apart(self) -> None:
        self.server.sandbox.methods[self.command] += 1
        parts = urlsplit(self.path)
        self.path = parts.path
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))

    def _fail(self, fault: Fault) -> bool:
        """Faults that take the account's place; false where it answers after all."""
        match fault.kind:
            case "too_many_requests":
                self._too_many(fault.retry_after, as_date=fault.as_date)
            case "server_error":
                self._send(fault.status, error_page(fault.status), content_type=HTML)
            case "unauthorized":
                self._send(401, message("Unauthenticated."))
            case "forbidden":
                self._send(403, message("This action is unauthorized."))
            case "redirect":
                self._send(302, "", {"Location": fault.elsewhere + self.path})
            case "not_json":
                self._send(200, error_page(200))
            case "stall":
                self.server.sandbox.stopping.wait(fault.seconds)
                self._hang_up()
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._hang_up()
            case _:
                return False
        return True

    def _hang_up(self) -> None:
        self.server.sandbox.log(self.command, self.path, self.query, 0)
        self.close_connection = True
        self.connection.close()

    def _too_many(self, seconds: int | None, *, as_date: bool) -> None:
        headers = {}
        if seconds is not None:
            moment = self.server.sandbox.clock.now() + timedelta(seconds=seconds)
            headers["Retry-After"] = format_datetime(moment, usegmt=True) if as_date else str(seconds)
        self._send(429, message("Too Many Attempts."), headers)

    def _send(
        self,
        status: int,
        text: str,
        headers: dict[str, str] | None = None,
        *,
        content_type: str = JSON,
        fault: Fault | None = None,
    ) -> None:
        sandbox, kind = self.server.sandbox, fault.kind if fault else ""
        body = text.encode()
        self.send_response_only(status)
        if sandbox.readings.date_header:
            self.send_header("Date", format_datetime(sandbox.clock.now(), usegmt=True))
        self.send_header("Content-Type", HTML if kind == "wrong_type" else content_type)
        if sandbox.rate_limit:
            self.send_header("X-RateLimit-Limit", str(sandbox.rate_limit.per_minute))
            self.send_header("X-RateLimit-Remaining", str(sandbox.rate_limit.remaining))
        if kind == "gzip_damage" or "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1)
            self.send_header("Content-Encoding", "gzip")
        if kind == "gzip_damage":
            body = body[:10] + bytes(byte ^ 0x55 for byte in body[10:])
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if kind == "cut":
            body = body[: len(body) // 2]
            self.close_connection = True
        sandbox.log(self.command, self.path, self.query, status)
        self.end_headers()
        self.wfile.write(body)
