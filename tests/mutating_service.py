"""A proxy in front of a sandbox that changes what it serves, over real HTTP.

`change_record(path, record)` is called for each record of a list, and for a record served by its id; it changes the
record in place, or returns another value that takes its place. `change_body(path, body)` changes the bytes, for what
Python cannot hold. Both may be set between two runs.
"""

import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import simplejson

from logentic.sandbox import Sandbox

Record = dict[str, Any]
ChangeRecord = Callable[[str, Record], Any]
ChangeBody = Callable[[str, bytes], bytes]
NOT_FORWARDED = {"content-length", "content-encoding", "transfer-encoding", "connection", "server"}


class MutatingService:
    """`with MutatingService(sandbox, change) as service:` serves at `service.url`; the token is the sandbox's."""

    def __init__(
        self, sandbox: Sandbox, change_record: ChangeRecord | None = None, change_body: ChangeBody | None = None
    ) -> None:
        self.change_record, self.change_body = change_record, change_body
        self.change_date: Callable[[str], str] = lambda date: date  # the Date header of each response
        self.sandbox, self.token = sandbox, sandbox.token
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "MutatingService":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def changed(self, path: str, body: bytes) -> bytes:
        """The body with the changes of the test, and with links to this proxy."""
        body = body.replace(self.sandbox.origin.encode(), self.origin.encode())
        body = body.replace(self.sandbox.origin.replace("/", "\\/").encode(), self.origin.replace("/", "\\/").encode())
        if self.change_record and body.startswith(b"{"):
            document = simplejson.loads(body, use_decimal=True)
            data = document.get("data")
            if isinstance(data, list):
                document["data"] = [self._changed(path, record) for record in data]
            elif isinstance(data, dict):
                document["data"] = self._changed(path, data)
            body = simplejson.dumps(document, use_decimal=True, separators=(",", ":")).encode()
        return self.change_body(path, body) if self.change_body else body

    def _changed(self, path: str, record: Record) -> Any:
        assert self.change_record
        other = self.change_record(path, record)
        return record if other is None else other


def _handler(service: MutatingService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            upstream = HTTPConnection(urlsplit(service.sandbox.origin).netloc, timeout=300)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host"}}
            upstream.request("GET", self.path, headers={**headers, "Accept-Encoding": "identity"})
            answer = upstream.getresponse()
            body = service.changed(urlsplit(self.path).path, answer.read())
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in NOT_FORWARDED:
                    self.send_header(name, service.change_date(value) if name.lower() == "date" else value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            upstream.close()

        def log_message(self, *_: object) -> None:
            """The sandbox keeps a log of what was asked."""

    return Handler
