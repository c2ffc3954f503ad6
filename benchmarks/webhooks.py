"""Measure events a second and response times under 32 connections: ours, ours without the queue, and a plain handler.

`--seconds N` for each server, `--rounds R` in turn; write a table to stdout and docs/webhooks.md. Every event is
different and signed; the plain handler is Starlette with one SQLite commit for each event, unverified. Acknowledged
events are counted on the disk afterwards.
"""

import argparse
import asyncio
import hmac
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

SECRET = b"benchmark"
CONNECTIONS = 32
FIGURES = "<!-- figures: written by benchmarks/webhooks.py -->"
SERVERS = ("ours", "without the queue", "starlette and sqlite")


def ours(folder: Path, *, with_queue: bool = True) -> Any:
    from concurrent.futures import Future

    from logentic.cli.event_server import make_receiver
    from logentic.settings import Settings
    from logentic.state import State

    app = make_receiver(Settings(webhook_secret=SECRET.decode()), State(folder / "logentic.duckdb"))
    if not with_queue:
        done: Future[bool] = Future()
        done.set_result(True)
        app._queue.put = lambda event: done
    return app


def plain(folder: Path) -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    database = sqlite3.connect(folder / "events.sqlite", check_same_thread=False)
    database.execute("create table events (topic text, body text)")

    async def keep(request: Request) -> JSONResponse:
        body = await request.body()
        database.execute("insert into events values (?, ?)", [request.headers["logentic-topic"], body.decode()])
        database.commit()
        return JSONResponse({"kept": True})

    return Starlette(routes=[Route("/webhooks/logentic", keep, methods=["POST"])])


def serve(name: str, folder: Path) -> None:
    import uvicorn

    app = plain(folder) if name == SERVERS[2] else ours(folder, with_queue=name == SERVERS[0])
    config = uvicorn.Config(app, port=0, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    (folder / "port").write_text(str(listening.getsockname()[1]))
    server.run(sockets=[listening])


class Sender(asyncio.Protocol):
    """One connection: the next event is sent when the one before was answered."""

    def __init__(self, number: int, until: float, seconds: list[float], refused: list[bytes]) -> None:
        self.number, self.until, self.seconds, self.refused = number, until, seconds, refused
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.sent += 1
        order = self.number * 10**9 + self.sent
        body = b'{"id":%d,"status":"PICKED","recipient":{"name":"A. Person","email":"a@example.com"}}' % order
        signature = hmac.digest(SECRET, body, "sha256").hex().encode()
        self.received = b""
        self.began = time.perf_counter()
        self.transport.write(
            b"POST /webhooks/logentic HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nsignature: "
            + signature
            + b"\r\nlogentic-topic: order-picked\r\nlogentic-api-version: V1\r\ncontent-length: %d\r\n\r\n" % len(body)
            + body
        )

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        length = head.lower().rpartition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not separator or len(body) < int(length):
            return
        now = time.perf_counter()
        self.seconds.append(now - self.began)
        if not head.startswith(b"HTTP/1.1 200"):
            self.refused.append(head[:80])
        if now < self.until:
            self.send()
        elif not self.done.done():
            self.done.set_result(None)
            self.transport.close()


async def load(port: int, seconds: float) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    taken: list[float] = []
    refused: list[bytes] = []
    began = time.perf_counter()
    senders = []
    for number in range(1, CONNECTIONS + 1):
        _, sender = await loop.create_connection(
            lambda n=number: Sender(n, began + seconds, taken, refused), "127.0.0.1", port
        )
        senders.append(sender)
    await asyncio.gather(*(sender.done for sender in senders))
    spent = time.perf_counter() - began
    return {
        "per_second": len(taken) / spent,
        "answered": len(taken),
        "refused": len(refused),
        "median_ms": median(taken) * 1000,
        "p99_ms": quantiles(taken, n=100)[98] * 1000,
        "longest_ms": max(taken) * 1000,
    }


def kept(name: str, folder: Path) -> int | None:
    if name == SERVERS[2]:
        return int(sqlite3.connect(folder / "events.sqlite").execute("select count(*) from events").fetchone()[0])
    if name == SERVERS[1]:
        return None
    from logentic.events.queue import list_segments, read_events

    return sum(1 for path in list_segments(folder / "logentic.duckdb.state" / "events") for _ in read_events(path))


def measure(name: str, seconds: float) -> dict[str, Any]:
    import uvloop

    with tempfile.TemporaryDirectory(dir=Path.cwd()) as made:
        folder = Path(made)
        process = subprocess.Popen([sys.executable, __file__, "--serve", name, str(folder)])
        try:
            port = folder / "port"
            while not port.exists() or not port.read_text():
                time.sleep(0.05)
            time.sleep(0.5)
            figures = uvloop.run(load(int(port.read_text()), seconds))
        finally:
            process.terminate()
            process.wait()
        figures["kept"] = kept(name, folder)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", nargs=2, metavar=("SERVER", "FOLDER"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve[0], Path(given.serve[1]))
        return
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in SERVERS}
    for _ in range(given.rounds):
        for name in SERVERS:
            found[name].append(measure(name, given.seconds))
    table = as_table(found)
    print(table)
    page = Path(__file__).parents[1] / "docs" / "webhooks.md"
    before = page.read_text("utf-8").partition(FIGURES)[0]
    page.write_text(f"{before}{FIGURES}\n\n{table}\n", "utf-8")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    record = {"at": datetime.now(UTC).isoformat(), "seconds": given.seconds, "cores": os.cpu_count(), "servers": found}
    (results / "webhooks.json").write_text(json.dumps(record, indent=1) + "\n")


def as_table(found: dict[str, list[dict[str, Any]]]) -> str:
    """The middle round of each server, and how far ours is ahead of the plain handler in each round."""
    lines = [
        "| under 32 connections | events a second | median | 99th percentile | longest | acknowledged | on the disk |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, rounds in found.items():
        middle = sorted(rounds, key=lambda figures: figures["per_second"])[len(rounds) // 2]
        times = (f"{middle[key]:.1f} ms" for key in ("median_ms", "p99_ms", "longest_ms"))
        kept = "" if middle["kept"] is None else f"{middle['kept']:,}"
        answered = middle["answered"] - middle["refused"]
        lines.append(f"| {name} | {middle['per_second']:,.0f} | {' | '.join(times)} | {answered:,} | {kept} |")
    pairs = zip(found[SERVERS[0]], found[SERVERS[2]], strict=True)
    ahead = ", ".join(f"{us['per_second'] / them['per_second']:.1f} ×" for us, them in pairs)
    return "\n".join([*lines, "", f"Ours against one SQLite commit for each event, by round: {ahead}."])


if __name__ == "__main__":
    main()
