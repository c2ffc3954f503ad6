"""Who is let in to the dashboard: whoever comes for its address, from its address."""

import asyncio
from typing import Any

import pytest

from logentic.dashboard.serve import OriginGuard


def answer(host: str, headers: dict[str, str], kind: str = "http") -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "served"})

    async def send(message: Any) -> None:
        said.append(message)

    scope = {"type": kind, "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}
    asyncio.run(OriginGuard(app, host)(scope, None, send))
    return said


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("127.0.0.1", {"host": "127.0.0.1:2718"}),
        ("127.0.0.1", {"host": "localhost:2718", "origin": "http://localhost:2718"}),
        ("0.0.0.0", {"host": "shop.example:2718", "origin": "http://shop.example:2718"}),
    ],
)
def test_its_own_address_is_let_in(kind: str, host: str, headers: dict[str, str]) -> None:
    assert answer(host, headers, kind) == [{"type": "served"}]


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        ("127.0.0.1", {"host": "127.0.0.1:2718", "origin": "https://elsewhere.example"}),
        ("127.0.0.1", {"host": "127.0.0.1:2718", "origin": "http://127.0.0.1:9999"}),
        ("127.0.0.1", {"host": "127.0.0.1:2718", "origin": "null"}),
        ("127.0.0.1", {"host": "elsewhere.example"}),
        ("127.0.0.1", {}),
        ("127.0.0.1", {"host": "["}),
        ("127.0.0.1", {"host": "127.0.0.1:2718", "origin": "http://["}),
        ("0.0.0.0", {"host": "[::1"}),
        ("0.0.0.0", {"host": "shop.example:2718", "origin": "https://elsewhere.example"}),
    ],
)
def test_a_page_of_another_site_is_turned_away(host: str, headers: dict[str, str]) -> None:
    assert answer(host, headers)[0]["status"] == 403
    assert answer(host, headers, "websocket") == [{"type": "websocket.close", "code": 1008}]


def test_a_header_that_is_sent_twice_is_turned_away() -> None:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    headers = [(b"host", b"127.0.0.1:2718"), (b"host", b"elsewhere.example")]
    for order in (headers, headers[::-1]):
        asyncio.run(OriginGuard(None, "127.0.0.1")({"type": "http", "headers": order}, None, send))
    assert [message["status"] for message in said if "status" in message] == [403, 403]
