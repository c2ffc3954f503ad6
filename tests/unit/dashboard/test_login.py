"""The dashboard's login: any letters, and no more guesses than a person makes."""

import asyncio
import base64
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from logentic.dashboard.login import BURST, FREE_FAILURES, SOURCES, Login, Throttle, TooManyFailures, source_of

TOKEN = "marimos-own"
PASSWORDS = ["plain", "motdepassé", "пароль", "密码", "a:b&c=d%e+f g"]


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """A login in front of an application that keeps what reaches it."""

    def __init__(self, password: str = "secret") -> None:
        self.clock = Clock()
        self.scope: dict[str, Any] = {}
        self.body = b""
        self._login = Login(self._app, password, TOKEN, Throttle(self.clock))

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = dict(scope)
        self.body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def __call__(
        self, *, query: str = "", form: bytes | None = None, authorization: bytes = b"", client: str = "192.0.2.1"
    ) -> int:
        said: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": form or b"", "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        scope = {
            "type": "http",
            "method": "GET" if form is None else "POST",
            "path": "/" if form is None else "/auth/login",
            "query_string": query.encode(),
            "headers": [(b"authorization", authorization)] if authorization else [],
            "client": (client, 1),
        }
        asyncio.run(self._login(scope, receive, send))
        self.said = said[0]
        return int(said[0]["status"])

    def form(self, password: str, **more: Any) -> int:
        return self(form=urlencode({"password": password}).encode(), **more)


@pytest.mark.parametrize("password", PASSWORDS)
def test_any_letters_make_a_password_by_every_way_in(password: str) -> None:
    ask = Asked(password)
    ask.form(password)
    assert parse_qs(ask.body.decode()) == {"password": [TOKEN]}
    ask(query=urlencode({"file": "x", "access_token": password}))
    assert parse_qs(ask.scope["query_string"].decode()) == {"file": ["x"], "access_token": [TOKEN]}
    ask(authorization=b"Basic " + base64.b64encode(f"me:{password}".encode()))
    assert ask.scope["headers"] == [(b"authorization", b"Basic " + base64.b64encode(f"me:{TOKEN}".encode()))]
    ask(authorization=b"Bearer " + password.encode())
    assert ask.scope["headers"] == [(b"authorization", f"Bearer {TOKEN}".encode())]


def test_an_accent_is_the_same_as_one_character_and_as_two() -> None:
    ask = Asked("caf\u00e9")
    ask.form("cafe\u0301")
    assert TOKEN in ask.body.decode()


@pytest.mark.parametrize(
    "form", [b"password=\xff", b"password=%ff", b"password=%00", b"\xff", b"password", b"password=" + b"x" * 20_000]
)
def test_no_guess_makes_it_fail_and_none_reaches_marimo(form: bytes) -> None:
    ask = Asked()
    assert ask(form=form) == 200
    assert ask.body in (b"password=wrong", b"")
    for credentials in (
        b"Basic \xff",
        b"Basic !",
        b"Basic",
        b"Bearer \xe9",
        b"Bearer secre",
        b"Basic " + b"eA==" * 9,
    ):
        fresh = Asked()
        assert fresh(authorization=credentials) == 200
        assert TOKEN.encode() not in fresh.scope["headers"][0][1]


def test_guesses_are_answered_429_and_the_right_one_is_not_looked_at() -> None:
    ask = Asked()
    statuses = [ask.form(f"guess {number}") for number in range(1096)]
    assert statuses == [200] * FREE_FAILURES + [429] * (1096 - FREE_FAILURES)
    assert ask.form("secret") == 429
    assert dict(ask.said["headers"])[b"retry-after"] == b"2"
    assert ask(query="access_token=secret") == ask(authorization=b"Bearer secret") == 429
    ask.clock.now += 2
    assert ask.form("secret") == 200


def test_waits_grow_with_each_failure_and_end_with_the_right_password() -> None:
    throttle = Throttle(clock := Clock())
    waits = []
    for _ in range(FREE_FAILURES + 12):
        throttle.note_failure("192.0.2.1")
        try:
            throttle.require_turn("192.0.2.1")
        except TooManyFailures as failures:
            waits.append(failures.seconds)
            clock.now += failures.seconds
    assert waits == sorted(waits)
    assert waits[0] == 2
    assert waits[-1] == 300
    throttle.note_success("192.0.2.1")
    throttle.note_failure("192.0.2.1")
    throttle.require_turn("192.0.2.1")


def test_another_source_is_let_in_meanwhile_and_many_sources_have_one_budget() -> None:
    ask = Asked()
    for number in range(50):
        ask.form(f"guess {number}", client="203.0.113.9")
    assert ask.form("secret", client="192.0.2.7") == 200
    statuses = [ask.form("guess", client=f"198.51.100.{number}") for number in range(200)]
    assert statuses.count(200) <= BURST
    assert ask.form("secret", client="192.0.2.8") == 429
    ask.clock.now += 1
    assert ask.form("secret", client="192.0.2.8") == 200, "a second later"


def test_sources_are_networks_and_their_number_is_bounded() -> None:
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:1") != source_of("2001:db8:0:1::1")
    assert source_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert len(source_of("x" * 1000)) == 64
    throttle = Throttle(Clock())
    for number in range(SOURCES + 50):
        throttle.note_failure(f"source {number}")
    assert len(throttle._sources) == SOURCES


def test_a_request_without_a_password_passes_as_it_is() -> None:
    ask = Asked()
    for _ in range(20):
        assert ask(query="page=orders&month=2026-01") == 200
    assert ask.scope["query_string"] == b"page=orders&month=2026-01"
