"""Serve spoiled responses over real HTTP, byte for byte as a mutation left them."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fuzz.mutations import Draft

Query = dict[str, str]
Respond = Callable[[str, Query], Draft]


def written(draft: Draft) -> bytes:
    """Return a whole response: status line, headers, body."""
    draft.encoded()
    names = {name.lower() for name, _ in draft.headers}
    headers = list(draft.headers)
    if not names & {b"content-length", b"transfer-encoding"}:
        headers.append((b"Content-Length", b"%d" % len(draft.body)))
    lines = [b"HTTP/1.1 %d Whatever" % draft.status, *(name + b": " + value for name, value in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + draft.body


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client may hang up at any time."""


class Service:
    """A service on the loopback address; `respond` makes the response to each request."""

    def __init__(self, respond: Respond | None = None) -> None:
        self.requests = 0
        self.respond = respond
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "Service":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            service.requests += 1
            parts = urlsplit(self.path)
            assert service.respond is not None
            draft = service.respond(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)))
            self.close_connection |= draft.is_closed
            try:
                self.wfile.write(written(draft))
            except OSError:  # the client has seen enough
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Say nothing: requests are counted."""

    return Handler
