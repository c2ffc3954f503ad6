"""Serve a prepared account over HTTP from a process of its own: one loop serves all connections.

`with Service(folder) as service:` serves at `service.url`; `service.reset(…)` sets latency, limit and clock;
`service.counts()` returns the requests since then and the CPU of the serving process. By hand: `python -m
benchmarks.service S`.
"""

import heapq
import json
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from benchmarks.account import SIZES, prepare
from benchmarks.desk import TOKEN, Desk, Pieces

LARGEST_REQUEST = 65536


class Connection:
    """Bytes in, answers out, in the order in which they were asked for."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""
        self.waiting: deque[memoryview] = deque()

    def send(self) -> bool:
        """What the socket takes; whether all is out."""
        while self.waiting:
            try:
                sent = self.sock.sendmsg(list(self.waiting)[:64])
            except BlockingIOError:
                return False
            while sent:
                if sent < len(self.waiting[0]):
                    self.waiting[0] = self.waiting[0][sent:]
                    break
                sent -= len(self.waiting.popleft())
        return True


class Loop:
    def __init__(self, desk: Desk, port: int = 0) -> None:
        self._desk = desk
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._listener.setblocking(False)
        self.origin = desk.origin = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._held: list[tuple[float, int, Connection, Pieces]] = []  # answers that wait for their latency
        self._number = count()

    def serve(self) -> None:
        while True:
            wait = max(0.0, self._held[0][0] - time.monotonic()) if self._held else None
            for key, events in self._selector.select(wait):
                if key.fileobj is self._listener:
                    self._accept()
                    continue
                try:
                    if events & selectors.EVENT_READ:
                        self._receive(key.data)
                    else:
                        self._send(key.data)
                except OSError:
                    self._hang_up(key.data)
            while self._held and self._held[0][0] <= time.monotonic():
                _, _, connection, pieces = heapq.heappop(self._held)
                self._put(connection, pieces)

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(sock, selectors.EVENT_READ, Connection(sock))

    def _receive(self, connection: Connection) -> None:
        connection.received += (received := connection.sock.recv(LARGEST_REQUEST))
        if not received or len(connection.received) > LARGEST_REQUEST:
            self._hang_up(connection)
            return
        while b"\r\n\r\n" in connection.received:
            head, _, connection.received = connection.received.partition(b"\r\n\r\n")
            pieces, held = self._desk.answer(head)
            if held:
                heapq.heappush(self._held, (time.monotonic() + held, next(self._number), connection, pieces))
            else:
                self._put(connection, pieces)

    def _put(self, connection: Connection, pieces: Pieces) -> None:
        connection.waiting.extend(map(memoryview, pieces))
        try:
            self._send(connection)
        except (OSError, ValueError):
            self._hang_up(connection)

    def _send(self, connection: Connection) -> None:
        wanted = selectors.EVENT_READ if connection.send() else selectors.EVENT_WRITE
        if self._selector.get_key(connection.sock).events != wanted:
            self._selector.modify(connection.sock, wanted, connection)

    def _hang_up(self, connection: Connection) -> None:
        if connection.sock.fileno() >= 0:
            self._selector.unregister(connection.sock)
            connection.sock.close()


class Service:
    """The serving process, seen from the one that measures."""

    token = TOKEN

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth: dict[str, Any] = json.loads((folder / "account.json").read_text("utf-8"))

    def __enter__(self) -> "Service":
        command = [sys.executable, "-m", "benchmarks.service", str(self.folder)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL
        )
        assert self._process.stdout
        self.origin = self._process.stdout.readline().strip()
        self.url = f"{self.origin}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def reset(self, **options: float) -> None:
        """latency_ms, limit, limit_seconds, page_size, largest_page (0: per_page is ignored), advance_seconds."""
        self._ask(f"/control?{urlencode(options)}")

    def counts(self) -> dict[str, Any]:
        return self._ask("/counts")

    def _ask(self, path: str) -> dict[str, Any]:
        with urlopen(self.origin + path) as answer:
            return dict(json.load(answer))


def main() -> None:
    asked = sys.argv[1]
    loop = Loop(Desk(prepare(asked) if asked in SIZES else Path(asked)), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(loop.origin, flush=True)
    loop.serve()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
