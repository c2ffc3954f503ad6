"""Answer requests with pages of a prepared account.

A response comes in pieces: a page is a piece of a mapped file between two short strings, and is not copied. The rules
are those of the reference: Laravel's pagination, filters with both ends included, charges that overlap a span, a Date
header, `X-RateLimit-*`, and 429 with Retry-After once a window of Laravel's limiter (fixed, from its first request on)
is used up.
"""

import json
import mmap
import re
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from benchmarks.merchant import FIRST_ID

TOKEN = "benchmark-token"
LISTS = {
    "/v1/orders": "orders",
    "/v1/items": "items",
    "/v1/items/item_quantities": "item_quantities",
    "/v1/items/inventory": "inventory_history",
    "/v1/payment_items": "payment_items",
}
BY_ID = {"/v1/orders": "orders", "/v1/items": "items", "/v1/payment_items": "payment_items"}
PAGE = re.compile(r"(?:^|&)(?:page|per_page)=\d*")
PER_PAGE = re.compile(r"(?:^|&)per_page=(\d+)")
NUMBER = re.compile(r"(?:^|&)page=(\d+)")
REASONS = {200: "OK", 401: "Unauthorized", 404: "Not Found", 422: "Unprocessable Content", 429: "Too Many Requests"}
Range = tuple[int, int]
Pieces = Sequence[bytes | memoryview]


class List:
    """One list of the account: its rows as bytes, and which of them a query asks for."""

    def __init__(self, folder: Path, name: str, described: dict[str, Any]) -> None:
        self.name, self.rows, self.blocks = name, described["rows"], described["blocks"]
        self._text = _mapped(folder / f"{name}.rows")
        self._starts = _mapped(folder / f"{name}.starts").cast("Q")
        self._times = _mapped(folder / f"{name}.times").cast("q")

    def select(self, query: dict[str, str]) -> list[Range]:
        """The rows that the query asks for, as ranges in order."""
        if self.name == "items":
            return [(0, self.rows)]
        if self.name in {"orders", "item_quantities"}:
            start, end = query.get("updated_at_start"), query.get("updated_at_end")
            first = bisect_left(self._times, _moment(start)) if start else 0
            last = bisect_left(self._times, _moment(end, is_end=True)) if end else self.rows
            return [(first, last)] if first < last else []
        ranges: list[Range] = []
        for block in self.blocks:
            if not _is_asked_for(block, query):
                continue
            first = block["first"]
            if ranges and ranges[-1][1] == first:
                first, _ = ranges.pop()
            ranges.append((first, block["first"] + block["rows"]))
        return ranges

    def slices(self, ranges: Sequence[Range], skip: int, take: int) -> list[memoryview]:
        """The bytes of rows skip to skip + take of the ranges, without the comma after the last."""
        pieces = []
        for first, last in ranges:
            a, b = first + skip, min(first + skip + take, last)
            skip = max(0, skip - (last - first))
            if a < b:
                pieces.append(self._text[self._starts[a] : self._starts[b]])
                take -= b - a
        if pieces:
            pieces[-1] = pieces[-1][:-1]
        return pieces


@dataclass
class Limit:
    """Laravel's limiter: so many requests in a window that begins with its first."""

    requests: int
    seconds: float
    ends: float = 0.0
    used: int = 0

    def take(self) -> bool:
        if (now := time.monotonic()) >= self.ends:
            self.ends, self.used = now + self.seconds, 0
        self.used += 1
        return self.used <= self.requests

    def headers(self, *, refused: bool) -> str:
        text = f"X-RateLimit-Limit: {self.requests}\r\nX-RateLimit-Remaining: {max(0, self.requests - self.used)}\r\n"
        return text + (f"Retry-After: {int(self.ends - time.monotonic()) + 1}\r\n" if refused else "")


@dataclass
class Desk:
    """What is asked and answered: everything but the sockets."""

    folder: Path
    origin: str = ""
    latency: float = 0.0
    largest_page: int = 0  # 0: per_page is ignored
    page_size: int = 50
    limit: Limit | None = None
    asked: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        described = json.loads((self.folder / "account.json").read_text("utf-8"))
        self.lists = {name: List(self.folder, name, table) for name, table in described["lists"].items()}
        self.now: int = described["now"]
        self._clock = self.now - time.monotonic()
        self._selections: dict[str, tuple[list[Range], int]] = {}
        self.reset({})

    def reset(self, options: dict[str, str]) -> None:
        """Count from 0 again, with another latency, limit, page size or clock."""
        self.latency = float(options.get("latency_ms", 0)) / 1000
        self.largest_page = int(options.get("largest_page", 0))
        self.page_size = int(options.get("page_size", 50))
        self.limit = None
        if "limit" in options:
            self.limit = Limit(int(options["limit"]), float(options.get("limit_seconds", 60)))
        self._clock += float(options.get("advance_seconds", 0))
        self.asked.clear()
        self._first = self._last = 0.0
        self._cpu = time.process_time()

    def counts(self) -> dict[str, Any]:
        return {
            "asked": dict(self.asked),
            "requests": sum(count for name, count in self.asked.items() if not name.startswith("status ")),
            "seconds": self._last - self._first,
            "server_cpu": time.process_time() - self._cpu,
        }

    def answer(self, head: bytes) -> tuple[Pieces, float]:
        """One request's head; the answer in pieces, and how many seconds it is to be held back."""
        target = head[4 : head.index(b" ", 4)].decode("ascii")
        path, _, text = target.partition("?")
        if path == "/control":
            self.reset(dict(parse_qsl(text)))
            return self._reply(200, [b"{}"]), 0
        if path == "/counts":
            return self._reply(200, [json.dumps(self.counts()).encode()]), 0
        self._last = time.monotonic()
        self._first = self._first or self._last
        status, body = self._look_up(path, text, head)
        self.asked[LISTS.get(path, "one record") if status != 429 else "refused"] += 1
        self.asked[f"status {status}"] += 1
        return self._reply(status, body), self.latency

    def _look_up(self, path: str, text: str, head: bytes) -> tuple[int, Pieces]:
        if self.limit and not self.limit.take():
            return 429, [b'{"message":"Too Many Attempts."}']
        if b"Bearer " + TOKEN.encode() not in head:
            return 401, [b'{"message":"Unauthenticated."}']
        if path in LISTS:
            try:
                return 200, self._page(path, text)
            except ValueError:
                return 422, [b'{"message":"The given data was invalid."}']
        parent, _, key = path.rpartition("/")
        name = BY_ID.get(parent)
        place = int(key) - FIRST_ID[name] if name and key.isdigit() else -1
        if name and 0 <= place < self.lists[name].rows:
            return 200, [b'{"data":', *self.lists[name].slices([(place, place + 1)], 0, 1), b"}"]
        return 404, [b'{"message":"No query results."}']

    def _page(self, path: str, text: str) -> Pieces:
        rows, size = self.lists[LISTS[path]], self.page_size
        if self.largest_page and (asked := PER_PAGE.search(text)):
            size = max(1, min(int(asked[1]), self.largest_page))
        number = max(1, int(found[1])) if (found := NUMBER.search(text)) else 1
        filters = PAGE.sub("", text).lstrip("&")
        key = f"{path}?{filters}"
        if key not in self._selections:
            if len(self._selections) > 4096:
                self._selections.clear()
            query = dict(parse_qsl(filters))
            if LISTS[path] == "inventory_history" and not {"start", "end"} <= query.keys():
                raise ValueError
            ranges = rows.select(query)
            self._selections[key] = ranges, sum(b - a for a, b in ranges)
        ranges, total = self._selections[key]
        skip = (number - 1) * size
        pages = max(1, -(-total // size))
        links = {}
        if number > 1:
            links["previous"] = self._link(path, text, number - 1)
        if number < pages:
            links["next"] = self._link(path, text, number + 1)
        meta = (
            f'],"meta":{{"pagination":{{"total":{total},"count":{max(0, min(size, total - skip))},"per_page":{size},'
            f'"current_page":{number},"total_pages":{pages},"links":{json.dumps(links or [])}}}}}}}'
        )
        return [b'{"data":[', *rows.slices(ranges, skip, size), meta.encode()]

    def _link(self, path: str, text: str, number: int) -> str:
        kept = NUMBER.sub("", text).lstrip("&")
        return f"{self.origin}{path}?{kept}{'&' if kept else ''}page={number}"

    def _reply(self, status: int, body: Pieces) -> Pieces:
        at = formatdate(self._clock + time.monotonic(), usegmt=True)
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\nDate: {at}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {sum(map(len, body))}\r\n"
        )
        if self.limit:
            head += self.limit.headers(refused=status == 429)
        return [f"{head}\r\n".encode(), *body]


def _is_asked_for(block: dict[str, Any], query: dict[str, str]) -> bool:
    """Whether its days overlap the span that is asked for, and it was billed within the other."""
    if block["start"] > query.get("end", "9999") or block["end"] < query.get("start", ""):
        return False
    if "billed_date_start" not in query and "billed_date_end" not in query:
        return True
    billed = block["billed"] or ""
    return query.get("billed_date_start", "0") <= billed <= query.get("billed_date_end", "9999")


def _moment(text: str, *, is_end: bool = False) -> int:
    """The first second that a filter means, or the one after its last; a date is all of its day."""
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if is_end:
        at += timedelta(days=1) if len(text) == len("2026-01-31") else timedelta(seconds=1)
    return int(at.timestamp())


def _mapped(path: Path) -> memoryview:
    if not path.stat().st_size:
        return memoryview(b"")
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
