"""`logentic serve` as its sender sees it: real HTTP, a real process, killed and out of disk."""

import http.client
import json
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from command_line import COMMAND, environment, logentic

from logentic.events.queue import list_segments, read_events
from logentic.sandbox import Account, Sandbox
from logentic.sandbox.webhooks import Webhooks

SECRET = "a secret of tests"


class Receiver:
    """A process of `logentic serve`, and where it listens."""

    def __init__(
        self, db: Path, *options: str, file_kilobytes: int | str = "unlimited", secret: str = SECRET, **settings: str
    ) -> None:
        limited = f'ulimit -f {file_kilobytes}; exec "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", limited, "bash", COMMAND, "serve", "--db", str(db), "--port", "0", *options],
            env=environment(db.parent, webhook_secret=secret, **settings),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr
        self.said = self.process.stderr.readline()
        self.url = self.said.partition(" taken at ")[2].partition(",")[0]
        self.port = int(self.url.split(":")[2].partition("/")[0])

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        return connection.getresponse().status


@contextmanager
def receiver(db: Path, *options: str, file_kilobytes: int | str = "unlimited") -> Iterator[Receiver]:
    running = Receiver(db, *options, file_kilobytes=file_kilobytes)
    try:
        wait_until_ready(running)
        yield running
    finally:
        running.process.terminate()
        running.process.communicate(timeout=20)


def wait_until_ready(running: Receiver) -> None:
    for _ in range(200):
        try:
            if running.get("/healthz"):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the receiver does not answer")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=3, scale=0.5, days=10, today=date(2026, 3, 17))) as sandbox:
        yield sandbox


def senders(sandbox: Sandbox, url: str, days: int, **options: float) -> Webhooks:
    """What the service sent in the last days."""
    webhooks = Webhooks(sandbox, url, SECRET, **options)
    now = sandbox.clock.now()
    webhooks.send(now - timedelta(days=days), now)
    return webhooks


def kept(db: Path) -> Counter[str]:
    folder = db.with_name(db.name + ".state") / "events"
    return Counter(f"{event.order_id} {event.topic}" for path in list_segments(folder) for event in read_events(path))


def test_what_the_service_sends_is_kept_once_in_whatever_order_it_comes(tmp_path: Path, sandbox: Sandbox) -> None:
    db = tmp_path / "logentic.duckdb"
    with receiver(db) as running:
        sent = senders(sandbox, running.url, 2, duplicates=0.5, disorder=0.5)
        assert running.get("/healthz") == 200
    assert set(sent.statuses) == {200}
    assert len(sent.statuses) > len(kept(db)) > 50
    assert set(kept(db).values()) == {1}


def test_what_was_acknowledged_is_there_once_after_kills_under_load(tmp_path: Path) -> None:
    """Eight senders go on while the receiver is killed twice; each tries again until it has its answer."""
    db = tmp_path / "logentic.duckdb"
    acknowledged: list[str] = []
    ports: dict[str, int] = {}
    stop = threading.Event()

    def send(sender: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            order = sender * 100_000 + number
            while not stop.is_set() and not post(ports["now"], order):
                time.sleep(0.02)
            if not stop.is_set():
                acknowledged.append(f"{order} order-picked")

    running = Receiver(db, "--accept-unsigned", secret="")
    ports["now"] = running.port
    wait_until_ready(running)
    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(1, 9)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        before = len(acknowledged)
        while len(acknowledged) < before + 200:
            time.sleep(0.02)
        running.process.kill()
        running.process.communicate()
        running = Receiver(db, "--accept-unsigned", secret="")
        ports["now"] = running.port
    before = len(acknowledged)
    while len(acknowledged) < before + 200:
        time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    running.process.terminate()
    running.process.communicate(timeout=20)
    found = kept(db)
    assert set(acknowledged) <= set(found)
    assert set(found.values()) == {1}
    assert len(found) <= len(acknowledged) + len(threads)


def post(port: int, order: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        headers = {"Content-Type": "application/json", "Logentic-Topic": "order-picked"}
        connection.request("POST", "/webhooks/logentic", json.dumps({"id": order}), headers)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_full_disk_answers_5xx_and_the_second_try_is_kept(tmp_path: Path, sandbox: Sandbox) -> None:
    db = tmp_path / "logentic.duckdb"
    with receiver(db, file_kilobytes=20) as running:
        first = senders(sandbox, running.url, 2)
        assert running.get("/healthz") == 200, "small files can still be written"
    refused = [status for status in first.statuses if status != 200]
    assert set(refused) == {503}
    acknowledged = kept(db)
    assert len(acknowledged) == first.statuses.count(200)
    with receiver(db) as running:
        second = senders(sandbox, running.url, 2)
    assert set(second.statuses) == {200}
    assert len(kept(db)) == len(second.statuses)
    assert set(kept(db).values()) == {1}


HALF_A_BODY = b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"


@pytest.mark.parametrize("begun", [b"", b"Content-Ty", HALF_A_BODY], ids=["a line", "half a header", "half a body"])
def test_requests_that_never_end_keep_no_event_out(tmp_path: Path, begun: bytes) -> None:
    with receiver_without_secret(tmp_path, webhook_connections="20") as running:
        held = [begin(running.port, b"POST /webhooks/logentic HTTP/1.1\r\nHost: x\r\n" + begun) for _ in range(199)]
        assert [post(running.port, order) for order in range(1, 4)] == [True] * 3
        for connection in held:
            connection.close()


def test_a_websocket_is_refused(tmp_path: Path) -> None:
    upgrade = (
        b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with receiver_without_secret(tmp_path) as running:
        answers = [begin(running.port, upgrade % path).recv(12) for path in (b"/webhooks/logentic", b"/healthz", b"/")]
        assert answers == [b"HTTP/1.1 405", b"HTTP/1.1 200", b"HTTP/1.1 404"]
        assert post(running.port, 1)
    assert running.rest == "", "a stranger writes no line of ours"


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Content-Length: -2", 400),
        (b"Content-Length: +2", 400),
        (b"Content-Length: 2\r\nContent-Length: 3", 400),
        (b"Content-Length: 2\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: gzip", 400),
        (b"Content-Length: 99999999999999999999999999", 400),
        (b"Content-Length: 00000000000000999999999", 413),
        (b"Content-Length: 2\r\nLogentic-Topic: order-picked\r\nLogentic-Topic: order-packed", 400),
        (b"Content-Length: 2\r\nContent-Type: text/plain", 400),
    ],
)
def test_an_odd_request_is_refused(tmp_path: Path, lines: bytes, status: int) -> None:
    head = b"POST /webhooks/logentic HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with receiver_without_secret(tmp_path) as running:
        assert begin(running.port, head + lines + b"\r\n\r\n{}").recv(12) == b"HTTP/1.1 %d" % status
    assert not kept(tmp_path / "logentic.duckdb")


def begin(port: int, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(data)
    return connection


@contextmanager
def receiver_without_secret(folder: Path, **settings: str) -> Iterator[Receiver]:
    running = Receiver(folder / "logentic.duckdb", "--accept-unsigned", secret="", **settings)
    try:
        wait_until_ready(running)
        yield running
    finally:
        running.process.terminate()
        running.rest = running.process.communicate(timeout=20)[1]


@pytest.mark.parametrize(
    ("options", "secret", "line"),
    [
        ((), "", "logentic: no secret to verify events with: LOGENTIC_WEBHOOK_SECRET is not set."),
        (("--accept-unsigned", "--host", "0.0.0.0"), "", "logentic: --accept-unsigned with --host 0.0.0.0."),
        (("--host", "203.0.113.7"), SECRET, "logentic: 203.0.113.7, port 0: "),
    ],
)
def test_what_it_cannot_do_is_one_line(tmp_path: Path, options: tuple[str, ...], secret: str, line: str) -> None:
    done = logentic("serve", "--db", "x.duckdb", "--port", 0, *options, cwd=tmp_path, webhook_secret=secret)
    assert done.returncode == 2
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1
