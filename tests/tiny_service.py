"""Serve over real HTTP the replies that a test gives, in turn (the last one stays), and keep the requests."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from logentic.api.client import Client
from logentic.settings import Settings

TOKEN = "a-token-that-nobody-may-see"


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    at: float  # monotonic
    connection: tuple[str, int]


class TinyService:
    def __init__(self, *replies: Reply | Callable[[Asked], Reply]) -> None:
        self.asked: list[Asked] = []
        self.replies: list[Reply | Callable[[Asked], Reply]] = list(replies)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "TinyService":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply_to(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        reply = self.replies[min(len(self.asked), len(self.replies)) - 1]
        return reply if isinstance(reply, Reply) else reply(asked)

    def client(self, **settings: Any) -> Client:
        """A client of this service that gives up at once, unless the test says otherwise."""
        return Client(settings_for(self.url, **settings))


def settings_for(url: str, **more: Any) -> Settings:
    return Settings(**{"base_url": url, "api_token": TOKEN, "retry_seconds": 0.1, "timeout_seconds": 10, **more})


def page(
    rows: list[Any], *, total: int | None = None, pages: int = 1, links: Any = None, number: int = 1, **more: Any
) -> Reply:
    """A page as Laravel writes it: compact, `data` first, `meta` last."""
    pagination = {
        "total": len(rows) if total is None else total,
        "count": len(rows),
        "per_page": max(len(rows), 1),
        "current_page": number,
        "total_pages": pages,
        "links": [] if links is None else links,
    }
    document = {"data": rows, **more, "meta": {"pagination": pagination}}
    return Reply(200, json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def _handler(service: TinyService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(parts.path, dict(parse_qsl(parts.query)), self.headers, time.monotonic(), self.client_address)
            reply = service.reply_to(asked)
            body = reply.body if isinstance(reply.body, bytes) else reply.body.encode()
            self.send_response_only(reply.status)
            for name, value in {"Content-Length": str(len(body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_CONNECT = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            """What was asked stands in `service.asked`."""

    return Handler
