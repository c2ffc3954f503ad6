"""The receiver, asked as a server asks it: signatures, refusals, and that nothing it is sent makes it fail."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logentic.events.event import Event, EventParser
from logentic.events.queue import EventQueue, list_segments, read_events
from logentic.events.receiver import BODY_BYTES, PATH, Receiver, SignatureVerifier
from logentic.privacy.pseudonyms import Pseudonymizer

SECRET = "a secret"
LOOP = asyncio.Runner()
BODY = b'{"id": 19015, "status": "PICKED", "recipient": {"name": "Ada", "phone": "514 555 0100"}, "place": {"city": "Montr\\u00e9al", "postal_code": "H2X 1Y4"}}'  # noqa: E501


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[EventQueue]:
    queue = EventQueue.open(tmp_path, timedelta(days=1))
    yield queue
    queue.close()


def receiver(queue: EventQueue, *secrets: str, paths: tuple[str, ...] = ()) -> Receiver:
    return Receiver(queue, EventParser(Pseudonymizer(b"k" * 32), paths), SignatureVerifier(secrets))


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.digest(secret.encode(), body, "sha256").hex()


def ask(
    app: Receiver, body: bytes = BODY, method: str = "POST", path: str = PATH, client: str = "127.0.0.1", **headers: str
) -> tuple[int, Any]:
    """One request; the status and the JSON of the answer. Headers are a sender's where none are given."""
    sent = {
        "content-type": "application/json",
        "signature": sign(body),
        "logentic-topic": "order-picked",
        "logentic-api-version": "V1",
    }
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "client": (client, 1),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value != "-"],
    }
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    LOOP.run(app(scope, receive, send))
    return answers[0]["status"], json.loads(answers[1]["body"] or b"null")


def kept(queue: EventQueue) -> list[Event]:
    return [event for segment in list_segments(queue._folder) for event in read_events(segment)]


def test_a_signed_event_is_kept_without_personal_data(queue: EventQueue) -> None:
    assert ask(receiver(queue, SECRET)) == (200, {"kept": True})
    (event,) = kept(queue)
    assert (event.topic, event.order_id, event.is_known_version) == ("order-picked", 19015, True)
    body = json.loads(event.body)
    assert body["place"]["city"] == "Montréal"
    assert body["place"]["postal_code"].startswith("H2X ")
    assert body["status"] == "PICKED"
    assert not {"Ada", "514 555 0100", "H2X 1Y4"} & {
        str(value) for part in ("recipient", "place") for value in body[part].values()
    }


def test_the_signature_of_the_senders_own_tests_holds() -> None:
    """spatie/laravel-webhook-server, tests/DefaultSignerTest.php: payload ['a' => '1'], secret abc."""
    signatures = SignatureVerifier(["abc"])
    assert signatures.is_valid("345611a3626cf5e080a7a412184001882ab231b8bdb465dc76dbf709f01f210a", b'{"a":"1"}')
    assert signatures.is_valid("1f14a62b15ba5095326d6c75c3e2e6b462dd71e1c4b7fbdac0f32309adb7be5f", b'{"a":1}')
    assert not signatures.is_valid("345611a3626cf5e080a7a412184001882ab231b8bdb465dc76dbf709f01f210a", b'{"a":1}')


def test_signatures_of_other_schemes_do_not_hold() -> None:
    """Valid under their own rules: GitHub's and Shopify's form, Stripe's with a time, other hashes, the body's hash."""
    body, key = b'{"a":1}', b"abc"
    plain = hmac.digest(key, body, "sha256")
    others = [
        "sha256=" + plain.hex(),
        base64.b64encode(plain).decode(),
        "t=1,v1=" + hmac.digest(key, b"1." + body, "sha256").hex(),
        hmac.digest(key, body, "sha1").hex(),
        hmac.digest(key, body, "sha512").hex(),
        hashlib.sha256(key + body).hexdigest(),
        hashlib.sha256(body).hexdigest(),
        "",
    ]
    assert [SignatureVerifier(["abc"]).is_valid(other, body) for other in others] == [False] * len(others)


def test_hash_and_encoding_are_settings() -> None:
    digest = hmac.digest(b"abc", BODY, "sha512")
    assert SignatureVerifier(["abc"], "sha512").is_valid(digest.hex().upper(), BODY)
    assert SignatureVerifier(["abc"], "sha512", "base64").is_valid(base64.b64encode(digest).decode(), BODY)
    assert not SignatureVerifier(["abc"], "sha512", "base64").is_valid(digest.hex(), BODY)


def test_old_and_new_secret_hold_together_and_a_third_does_not(queue: EventQueue) -> None:
    app = receiver(queue, "old", "new")
    assert [
        ask(app, b'{"id": %d}' % n, signature=sign(b'{"id": %d}' % n, secret))[0]
        for n, secret in enumerate(["old", "new", "x"], 1)
    ] == [200, 200, 401]


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (401, {"signature": "-"}),
        (401, {"signature": "0" * 64}),
        (401, {"signature": "é"}),
        (405, {"method": "GET"}),
        (405, {"method": "DELETE"}),
        (415, {"content_type": "text/plain"}),
        (415, {"content_type": "-"}),
        (413, {"body": b'"' + b"x" * BODY_BYTES + b'"'}),
        (413, {"content_length": str(BODY_BYTES + 1)}),
        (400, {"body": b"{"}),
        (400, {"body": b"\xff"}),
        (400, {"body": b"NaN"}),
        (400, {"body": b"[" * 100_000}),
        (404, {"path": "/"}),
        (404, {"path": PATH + "/"}),
    ],
)
def test_what_is_not_an_event_is_refused_and_leaves_nothing(
    queue: EventQueue, status: int, changes: dict[str, Any]
) -> None:
    answered, answer = ask(receiver(queue, SECRET), **changes)
    assert answered == status
    assert answer["error"]
    assert kept(queue) == []


def test_a_slow_body_is_refused(queue: EventQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logentic.events.receiver.BODY_SECONDS", 0.05)
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"content-type", b"application/json"), (b"signature", b"0")]
    scope = {"type": "http", "method": "POST", "path": PATH, "client": ("127.0.0.1", 1), "headers": headers}
    asyncio.run(receiver(queue, SECRET)(scope, receive, send))
    assert answers[0]["status"] == 408


def test_unsigned_events_are_taken_from_this_machine_only(queue: EventQueue) -> None:
    app = receiver(queue)
    assert ask(app, signature="-")[0] == 200
    assert ask(app, b"{}", signature="-", client="10.0.0.7")[0] == 403
    assert ask(app, b"{}", signature="-", x_forwarded_for="10.0.0.7")[0] == 403


def test_a_replay_is_answered_and_kept_once(queue: EventQueue) -> None:
    app = receiver(queue, SECRET)
    assert [ask(app)[1] for _ in range(3)] == [{"kept": True}, {"kept": False}, {"kept": False}]
    assert ask(app, logentic_topic="order-packed") == (200, {"kept": True})
    assert [event.topic for event in kept(queue)] == ["order-picked", "order-packed"]


def test_unknown_topics_versions_and_shapes_are_kept_and_flagged(queue: EventQueue) -> None:
    app = receiver(queue, SECRET, paths=("payload.order.number",))
    for body, headers in [
        (b'{"data": {"id": "19015"}}', {"logentic_topic": "order-teleported"}),
        (b'{"order": {"id": 19016}}', {"logentic_api_version": "V2"}),
        (b'{"order_id": 19017}', {"logentic_topic": "-"}),
        (b'{"payload": {"order": {"number": 19018}}}', {}),
        (b'{"id": -1}', {}),
        (b'{"id": true}', {}),
        (b'{"id": 99999999999999999999}', {}),
        (b'[1, "x"]', {}),
        (b'"x"', {}),
    ]:
        assert ask(app, body, **headers) == (200, {"kept": True})
    assert [event.order_id for event in kept(queue)] == [19015, 19016, 19017, 19018, None, None, None, None, None]
    assert [event.is_known_version for event in kept(queue)][:3] == [True, False, True]
    assert [event.topic for event in kept(queue)][:3] == ["order-teleported", "order-picked", None]


def test_a_queue_that_cannot_be_written_answers_5xx_so_that_the_sender_tries_again(
    queue: EventQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = receiver(queue, SECRET)
    with monkeypatch.context() as patch:
        patch.setattr("os.write", _no_space)
        assert ask(app)[0] == 503
    assert ask(app) == (200, {"kept": True})
    assert len(kept(queue)) == 1


def test_health_says_whether_the_queue_can_be_written(queue: EventQueue, tmp_path: Path) -> None:
    app = receiver(queue, SECRET)
    assert ask(app, method="GET", path="/healthz") == (200, {"queue": "can be written"})
    tmp_path.rename(tmp_path.with_name("gone"))
    assert ask(app, method="GET", path="/healthz")[0] == 503
    tmp_path.with_name("gone").rename(tmp_path)


WORDS = st.text(st.characters(max_codepoint=255, exclude_characters="\x00"), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=12) | st.sampled_from(["id", "data", "order", "order_id", "updated_at", "email"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())


REQUESTS = st.fixed_dictionaries(
    {"body": BODIES},
    optional={
        "method": st.sampled_from(["GET", "PUT", "HEAD", "OPTIONS"]),
        "path": st.sampled_from(["/healthz", "/"]) | WORDS,
        **dict.fromkeys(("content_type", "content_length", "signature", "logentic_topic"), WORDS),
    },
)


@settings(max_examples=500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(requests=st.lists(REQUESTS, min_size=20, max_size=20))
def test_nothing_of_ten_thousand_requests_makes_it_fail(queue: EventQueue, requests: list[dict[str, Any]]) -> None:
    app = receiver(queue, SECRET)
    assert max(ask(app, **request)[0] for request in requests) < 500


def _no_space(*_: object) -> int:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("topic", "body", "differs"),
    [
        ("order-picked", {"id": 1, "status": "PICKED"}, False),
        ("order-picked", {"id": 1, "status": "IN_TRANSIT"}, True),
        ("order-created", {"id": 1, "status": "PENDING"}, False),
        ("order-in-transit", {"topic": "orders/in_transit", "status": "COMPLETED"}, False),
        ("order-picked", {"event": "order.packed", "data": {"id": 1, "status": "PICKED"}}, True),
        ("order-picked", {"event": {"name": "x"}, "type": "retail", "data": {"id": 1, "status": "PICKED"}}, False),
        ("order-picked", {"order": {"id": 1, "event_type": "Order Completed"}}, True),
        ("order-of-the-day", {"id": 1, "status": "PICKED"}, True),
        ("order-picked", {"id": 1, "status": "ON_HOLD"}, None),
        ("order-picked", {"id": 1}, None),
        ("order-picked", [{"status": "PACKED"}], None),
        ("-", {"id": 1, "status": "PICKED"}, None),
    ],
)
def test_a_topic_that_differs_from_the_signed_body_is_flagged(
    queue: EventQueue, topic: str, body: Any, differs: bool | None
) -> None:
    assert ask(receiver(queue, SECRET), json.dumps(body).encode(), logentic_topic=topic)[0] == 200
    (event,) = kept(queue)
    assert event.topic_mismatch is differs
    assert Event.from_line(event.as_line()) == event


def test_an_event_that_an_earlier_version_queued_is_read(queue: EventQueue) -> None:
    ask(receiver(queue, SECRET))
    (event,) = kept(queue)
    fields = json.loads(event.as_line())
    del fields["topic_mismatch"]
    assert Event.from_line(json.dumps(fields).encode()).topic_mismatch is None


@pytest.mark.parametrize("name", ["signature", "logentic-topic", "content-type", "content-length"])
def test_a_header_that_decides_something_is_sent_once(queue: EventQueue, name: str) -> None:
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    sent = {"content-type": "application/json", "signature": sign(BODY), "logentic-topic": "order-picked"}
    headers = [*sent.items(), (name, "2"), (name, sent.get(name, "2"))]
    encoded = [(key.encode(), value.encode()) for key, value in headers]
    scope = {"type": "http", "method": "POST", "path": PATH, "client": ("127.0.0.1", 1), "headers": encoded}
    LOOP.run(receiver(queue, SECRET)(scope, receive, send))
    assert statuses[0] == 400
    assert not kept(queue)


def test_a_websocket_is_closed_before_it_is_opened(queue: EventQueue) -> None:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    LOOP.run(receiver(queue, SECRET)({"type": "websocket", "path": PATH, "headers": []}, None, send))
    assert said == [{"type": "websocket.close", "code": 1008}]
