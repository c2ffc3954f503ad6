"""Connections that hold a server up: real sockets against uvicorn with the product's protocol."""

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import uvicorn

from logentic.connection_limits import HEADER_BYTES, protocol_class

LIMIT = 8
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


class Server:
    """An application that reads the body; a request for /held is answered when the test says so."""

    def __init__(self, header_seconds: float) -> None:
        self.held, self.release = threading.Semaphore(0), threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        http_class = protocol_class(LIMIT, header_seconds)
        config = uvicorn.Config(
            self._app, http=http_class, ws="none", log_level="critical", lifespan="off", interface="asgi3"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] != "http.request":
            return
        if scope["path"] == "/held":
            self.held.release()
            await asyncio.to_thread(self.release.wait)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def begin(self, data: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=300)
        connection.sendall(data)
        return connection

    def status(self) -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)) as connection:
            connection.request("GET", "/")
            return connection.getresponse().status


@contextmanager
def serving(header_seconds: float = 600) -> Iterator[Server]:
    server = Server(header_seconds)
    server.thread.start()
    while not server.server.started:
        time.sleep(0.01)
    try:
        yield server
    finally:
        server.release.set()
        server.server.should_exit = server.server.force_exit = True
        server.thread.join(20)


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"P",
        HEAD + b"Content-Le",
        HEAD + b"Content-Length: 10\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
    ],
    ids=["nothing", "a letter", "half a header", "half a body", "half a chunk"],
)
def test_senders_that_never_go_on_keep_nobody_out(begun: bytes) -> None:
    with serving() as server:
        held = [server.begin(begun) for _ in range(5 * LIMIT)]
        assert [server.status() for _ in range(3)] == [200] * 3
        assert len(server.server.server_state.connections) < LIMIT
        assert is_closed(held[0]), "the one that waited longest"
        for connection in held:
            connection.close()


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_requests_at_work_are_never_closed_and_more_of_them_are_answered_503() -> None:
    with serving() as server:
        working = [server.begin(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(LIMIT - 1)]
        for _ in working:
            assert server.held.acquire(timeout=300)
        assert server.status() == 503
        server.release.set()
        assert {connection.recv(100)[:12] for connection in working} == {b"HTTP/1.1 200"}
        assert server.status() == 200
        for connection in working:
            connection.close()


def test_a_header_that_never_ends_is_answered_408_even_where_each_second_brings_a_byte() -> None:
    with serving(header_seconds=0.3) as server:
        connection = server.begin(HEAD)
        received = b""
        connection.settimeout(0.05)
        for _ in range(1000):
            try:
                connection.send(b"X")
                received = connection.recv(100)
                break
            except TimeoutError:
                continue
        assert received.startswith(b"HTTP/1.1 408")
        assert server.begin(b"").recv(100) == b"", "nothing was asked: it is closed"


def test_a_second_request_on_a_connection_has_the_same_time() -> None:
    with serving(header_seconds=0.3) as server:
        connection = server.begin(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET / HT")
        assert connection.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_request_that_takes_long_to_answer_is_not_cut() -> None:
    with serving(header_seconds=0.1) as server:
        connection = server.begin(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert server.held.acquire(timeout=300)
        time.sleep(0.5)
        server.release.set()
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_a_header_without_bounds_is_closed() -> None:
    with serving() as server:
        connection = server.begin(HEAD + b"X: ")
        is_closed = False
        for _ in range(1000):
            try:
                connection.sendall(b"x" * HEADER_BYTES)
            except OSError:
                is_closed = True
                break
        assert is_closed
        assert server.status() == 200
