"""Faults between a client and the service: scripted, or at random from a seed."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, Protocol
from urllib.parse import urlencode

from logentic.sandbox.api import ApiResponse

Kind = Literal[
    "too_many_requests",
    "server_error",
    "unauthorized",
    "forbidden",
    "redirect",
    "reset",
    "stall",
    "cut",
    "not_json",
    "wrong_type",
    "gzip_damage",
    "empty_page",
    "false_total",
    "next_elsewhere",
    "next_self",
    "next_cycle",
    "lost_answer",
    "late_answer",
    "error_after_write",
]
AFTER_WRITE: tuple[Kind, ...] = ("lost_answer", "late_answer", "error_after_write")
TRANSIENT: tuple[Kind, ...] = ("server_error", "reset", "cut", "not_json", "gzip_damage")
ELSEWHERE = "http://localhost:9"


@dataclass
class Fault:
    """A fault that hits requests of its path and page (None: any), after the first `after` of them.

    `times=None`: always. `status` is for server_error, `retry_after` and `as_date` for too_many_requests, `seconds` for
    a stall or late_answer, `elsewhere` is the origin that a redirect or next_elsewhere points to. Faults of AFTER_WRITE
    strike writes only, when the change is made.
    """

    kind: Kind
    path: str | None = None
    page: int | None = None
    times: int | None = 1
    after: int = 0
    status: int = 503
    retry_after: int | None = None
    as_date: bool = False
    seconds: float = 30.0
    elsewhere: str = ELSEWHERE
    struck: int = field(default=0, init=False)
    _seen: int = field(default=0, init=False, repr=False)

    def strike(self, path: str, page: int) -> "Fault | None":
        """Itself, if this request is hit."""
        if self.path not in {None, path} or self.page not in {None, page}:
            return None
        self._seen += 1
        if self._seen <= self.after or (self.times is not None and self.struck >= self.times):
            return None
        self.struck += 1
        return self


class FaultSource(Protocol):
    """A source of faults for requests."""

    def strike(self, path: str, page: int) -> Fault | None: ...


class RandomFaults:
    """Faults of the given kinds at a given rate."""

    def __init__(self, seed: int, rate: float, kinds: Sequence[Kind] = TRANSIENT) -> None:
        self._random, self._rate, self._kinds = Random(f"{seed}:faults"), rate, kinds

    def strike(self, path: str, page: int) -> Fault | None:
        """A new fault, or none."""
        if self._random.random() >= self._rate:
            return None
        return Fault(self._random.choice(self._kinds), status=self._random.choice((500, 502, 503, 504)), retry_after=1)


random_faults = RandomFaults


def distort(fault: Fault, response: ApiResponse, origin: str, path: str, query: Mapping[str, str]) -> None:
    """Distort a response: a page without rows, a wrong total, a wrong `next` link."""
    pagination = response.pagination
    if pagination is None:
        return

    def lead_to(origin: str, page: int) -> None:
        link = f"{origin}{path}?{urlencode({**query, 'page': page})}"
        pagination["links"] = {**dict(pagination["links"]), "next": link}

    page = pagination["current_page"]
    match fault.kind:
        case "empty_page":
            response.records = []
            pagination["count"] = 0
        case "false_total":
            pagination["total"] += 1
        case "next_elsewhere":
            lead_to(fault.elsewhere, page + 1)
        case "next_self":
            lead_to(origin, page)
        case "next_cycle":
            lead_to(origin, 1)


class RateLimit:
    """A token bucket that fills at a steady rate, by a clock in seconds (default: real time)."""

    def __init__(self, per_minute: int, seconds: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._seconds = seconds
        self._tokens = float(per_minute)
        self._filled_at = seconds()

    def take(self) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        now = self._seconds()
        self._tokens = min(self.per_minute, self._tokens + (now - self._filled_at) * self.per_minute / 60)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) * 60 / self.per_minute

    @property
    def remaining(self) -> int:
        """Whole tokens left."""
        return int(self._tokens)


def error_page(status: int) -> str:
    """Return the error page of a proxy."""
    return f"<html>\r\n<head><title>{status}</title></head>\r\n<body><h1>{status}</h1></body>\r\n</html>\r\n"


def message(text: str) -> str:
    """Return an error body in Laravel's format."""
    return json.dumps({"message": text})
