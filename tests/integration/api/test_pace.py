"""Under a limit the allowance is used up and hardly ever exceeded: counted at the service, over real HTTP."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tiny_service import Asked, Reply, TinyService

from benchmarks.desk import Limit
from logentic.api.client import Client
from logentic.sandbox.faults import RateLimit

Refusal = Callable[[], tuple[bool, str]]


class Limited:
    """A service behind a limiter; what it answered, by status."""

    def __init__(self, refuse: Refusal) -> None:
        self.refuse, self.statuses, self._lock = refuse, list[int](), threading.Lock()

    def __call__(self, _: Asked) -> Reply:
        with self._lock:
            refused, headers = self.refuse()
            self.statuses.append(429 if refused else 200)
        return Reply(429 if refused else 200, "fine", dict(line.split(": ") for line in headers.split("\r\n") if line))


def windows(limit: Limit, *, more: Callable[[], str] = str) -> Refusal:
    """Laravel: so many in a window that begins with its first request."""

    def refuse() -> tuple[bool, str]:
        refused = not limit.take()
        return refused, limit.headers(refused=refused) + more()

    return refuse


def ask(client: Client, times: int) -> list[bytes]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda n: client.get("/items", {"page": str(n)}, "items", lambda a: a.body), range(times)))


def test_a_window_is_learned_from_one_refusal() -> None:
    """Five windows; without a count each of them would refuse one request of each thread."""
    service = Limited(windows(Limit(40, 2)))
    with TinyService(service) as running:
        client = running.client()
        assert ask(client, 200) == [b"fine"] * 200
    assert service.statuses.count(200) == 200
    assert service.statuses.count(429) == client.traffic.refused_by_limit == 1


@pytest.mark.parametrize("epoch", [0, 1_800_000_000])
def test_where_the_end_of_the_window_is_said_nothing_is_refused(epoch: int) -> None:
    limit = Limit(20, 3)

    def more() -> str:
        date = "Fri, 15 Jan 2027 08:00:00 GMT"  # the clock of the service stands at 1,800,000,000
        return f"X-RateLimit-Reset: {epoch + 1 + int(limit.ends - time.monotonic())}\r\nDate: {date}\r\n"

    service = Limited(windows(limit, more=more))
    with TinyService(service) as running:
        assert len(ask(running.client(), 50)) == 50
    assert service.statuses == [200] * 50


def test_a_limit_that_fills_up_steadily_is_followed() -> None:
    bucket = RateLimit(120)

    def refuse() -> tuple[bool, str]:
        wait = bucket.take()
        headers = f"X-RateLimit-Limit: 120\r\nX-RateLimit-Remaining: {bucket.remaining}\r\n"
        return wait > 0, headers + (f"Retry-After: {int(wait) + 1}\r\n" if wait else "")

    service = Limited(refuse)
    with TinyService(service) as running:
        assert len(ask(running.client(), 126)) == 126
    assert service.statuses.count(429) <= 2


def test_a_limit_shared_with_others_is_no_standstill() -> None:
    """Somebody else takes every second place: windows begin without us, and their count falls by more than one."""
    limit = Limit(20, 1)

    def refuse() -> tuple[bool, str]:
        limit.take()
        return windows(limit)()

    service = Limited(refuse)
    with TinyService(service) as running:
        assert len(ask(running.client(), 30)) == 30
    assert service.statuses.count(429) <= 6


def test_pushed_back_by_the_service_it_asks_by_fewer_connections() -> None:
    most, under_way, lock = 0, 0, threading.Lock()

    def busy(_: Asked) -> Reply:
        nonlocal most, under_way
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with lock:
            under_way -= 1
        return Reply(200, "fine")

    with TinyService(Reply(503), *[busy] * 40) as running:
        client = running.client(retry_seconds=30)
        ask(client, 1)
        ask(client, 16)
        assert most == 2
        ask(client, 60)
    assert most == 4, "and by all of them again, when it has answered well for a while"
