"""Serve the account's API over HTTP, on the loopback address only."""

import gzip
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from threading import Event, Thread
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from logentic.sandbox.account import Account
from logentic.sandbox.api import Api, ApiResponse, positive
from logentic.sandbox.clock import Clock
from logentic.sandbox.faults import AFTER_WRITE, Fault, FaultSource, RateLimit, distort, error_page, message
from logentic.sandbox.live_account import LiveAccount
from logentic.sandbox.readings import Readings
from logentic.sandbox.writes import Writes

TOKEN = "sandbox-token"  # noqa: S105 - not a secret: it opens made-up data only
LOG_LENGTH = 20_000
JSON, HTML = "application/json", "text/html; charset=utf-8"

BeforeResponse = Callable[[str, dict[str, str], int], None]
BeforeWrite = Callable[[str, str, bytes], None]


class Request(NamedTuple):
    """An entry of the request log."""

    method: str
    path: str
    query: dict[str, str]
    status: int


class SandboxServer(ThreadingHTTPServer):
    """A server with a thread per connection; it closes all connections when it stops."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up."""

    def hang_up(self) -> None:
        """Close open connections, so that no thread waits for another request."""
        for connection in list(self._open):
            self.shutdown_request(connection)


class Handler(BaseHTTPRequestHandler):
    """Handle HTTP/1.1 requests, with keep-alive and gzip."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: SandboxServer

    def log_message(self, *_: object) -> None:
        """Log nothing: `sandbox.requests` is the log."""

    def do_GET(self) -> None:
        sandbox = self.server.sandbox
        self._parse_request()
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
        response = sandbox.respond(self.path, self.query)
        if fault:
            distort(fault, response, sandbox.origin, self.path, self.query)
        self._send(response.status, response.body(), fault=fault)

    def do_POST(self) -> None:
        sandbox = self.server.sandbox
        self._parse_request()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if sandbox.latency:
            time.sleep(sandbox.latency)
        if sandbox.rate_limit and (wait := sandbox.rate_limit.take()):
            self._too_many(ceil(wait), as_date=False)
            return
        if self.headers.get("Authorization") != f"Bearer {sandbox.token}":
            self._send(401, message("Unauthenticated."))
            return
        fault = sandbox.strike(self.path, self.query, is_write=True)
        if fault and fault.kind not in AFTER_WRITE and self._fail(fault):
            return
        response = sandbox.write(self.command, self.path, body)
        if fault and self._fail(fault):
            return
        self._send(response.status, response.body(), fault=fault)

    do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815 - http.server's names

    def _parse_request(self) -> None:
        self.server.sandbox.methods[self.command] += 1
        parts = urlsplit(self.path)
        self.path = parts.path
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))

    def _fail(self, fault: Fault) -> bool:
        """Send a fault in place of the account's response; return False for a fault that only distorts it."""
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
            case "late_answer":
                self.server.sandbox.stopping.wait(fault.seconds)
                self._hang_up()
            case "lost_answer":
                self._hang_up()
            case "error_after_write":
                self._send(fault.status, error_page(fault.status), content_type=HTML)
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
        if kind == "gzip_damage" or (status != 204 and "gzip" in self.headers.get("Accept-Encoding", "")):
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
        if status != 204:
            self.wfile.write(body)


class Sandbox(LiveAccount):
    """A live account behind an HTTP server, which listens from `__enter__` on: `origin` and `url` are known then."""

    def __init__(
        self,
        account: Account | None = None,
        port: int = 0,
        token: str = TOKEN,
        readings: Readings | None = None,
        faults: Sequence[FaultSource] = (),
        clock: Clock | None = None,
        *,
        latency_ms: float = 0.0,
        rate_limit: int | RateLimit | None = None,
        write_faults: Sequence[FaultSource] = (),
    ) -> None:
        super().__init__(account or Account(), readings or Readings(), clock)
        self.token, self.faults, self.write_faults = token, list(faults), list(write_faults)
        self._writes = Writes(self)
        self.latency = latency_ms / 1000
        self.rate_limit = RateLimit(rate_limit) if rate_limit and isinstance(rate_limit, int) else rate_limit or None
        self.requests: deque[Request] = deque(maxlen=LOG_LENGTH)
        self.methods: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.struck: Counter[str] = Counter()
        self.stopping = Event()
        self._hooks: list[BeforeResponse] = []
        self._write_hooks: list[BeforeWrite] = []
        self._port = port

    def __enter__(self) -> "Sandbox":
        self._server = SandboxServer(self._port, self)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/v1"
        self._api = Api(self._state, self.origin)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.state()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    @property
    def writes(self) -> int:
        """The number of requests that tried to change something."""
        return sum(count for method, count in self.methods.items() if method != "GET")

    def before_response(self, hook: BeforeResponse) -> None:
        """Call `hook(path, query, n)` before the n-th request (from 1) is answered, so that time can pass and rows can
        change.
        """
        self._hooks.append(hook)

    def strike(self, path: str, query: dict[str, str], *, is_write: bool = False) -> Fault | None:
        """Return the fault that hits a request, if any."""
        page = positive(query.get("page")) or 1
        with self.lock:
            for fault in self.write_faults if is_write else self.faults:
                if struck := fault.strike(path, page):
                    self.struck[struck.kind] += 1
                    return struck
        return None

    def respond(self, path: str, query: dict[str, str]) -> ApiResponse:
        """Return the account's response, as of its clock."""
        for hook in self._hooks:
            hook(path, query, self.methods["GET"])
        with self.lock:
            self.state()
            return self._api.respond(path, query)

    def write(self, method: str, path: str, body: bytes) -> ApiResponse:
        """Change the account as a request says, and return the response."""
        for hook in self._write_hooks:
            hook(method, path, body)
        with self.lock:
            response = self._writes.respond(method, path, body)
            self.state()
            return self._api.written(path, response)

    def before_write(self, hook: BeforeWrite) -> None:
        """Call `hook(method, path, body)` before a write is made, so that another writer can come first."""
        self._write_hooks.append(hook)

    def log(self, method: str, path: str, query: dict[str, str], status: int) -> None:
        """Record a request and its status; 0 means no response."""
        self.requests.append(Request(method, path, query, status))
        self.statuses[status] += 1
