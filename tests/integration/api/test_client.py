"""One request: where the token goes, what each answer means, what is repeated and for how long."""

import logging
import threading
import time
import traceback
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest
from tiny_service import TOKEN, Asked, Reply, TinyService, page, settings_for

from logentic import errors
from logentic.api import client as client_module
from logentic.api.client import Client, Response
from logentic.api.pagination import read_page
from logentic.sandbox import Account, Fault, Sandbox
from logentic.settings import Settings

OK = Reply(200, "fine")
QUERY, BODY = "secret-query", "secret-body"
STATUSES_OF_ALL_KINDS = (200, 302, 401, 404, 422, 429, 500)
NOT_REPEATED = {
    301: errors.UnsafeLink,
    302: errors.UnsafeLink,
    307: errors.UnsafeLink,
    308: errors.UnsafeLink,
    400: errors.Refused,
    401: errors.Unauthorised,
    403: errors.Forbidden,
    404: errors.NotFound,
    405: errors.Refused,
    409: errors.Refused,
    422: errors.Refused,
}


def body(answer: Response) -> bytes:
    return answer.body


def test_the_token_goes_to_the_configured_origin() -> None:
    with TinyService(OK) as service:
        assert service.client().get("/items", {"page": "2"}, "items", body) == b"fine"
    (asked,) = service.asked
    assert (asked.path, asked.query) == ("/v1/items", {"page": "2"})
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["Accept"] == "application/json"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    with (
        TinyService(OK) as elsewhere,
        TinyService(Reply(status, "", {"Location": elsewhere.url})) as service,
        pytest.raises(errors.UnsafeLink, match="redirect"),
    ):
        service.client().get("/items", {}, "items", body)
    assert len(service.asked) == 1
    assert elsewhere.asked == []


def test_a_token_over_plain_http_passes_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with TinyService(OK) as proxy, TinyService(OK) as service:
        monkeypatch.setenv("http_proxy", proxy.origin)
        service.client().get("/items", {}, "items", body)
    assert len(service.asked) == 1
    assert proxy.asked == []


@pytest.mark.parametrize(("status", "kind"), NOT_REPEATED.items())
def test_an_answer_that_a_repetition_cannot_change_is_an_error_at_once(
    status: int, kind: type[errors.ServiceError]
) -> None:
    with (
        TinyService(Reply(status, "{}", {"X-Request-Id": "abc-1"}), OK) as service,
        pytest.raises(errors.ServiceError, match=f"orders, page 3: status {status}, request abc-1") as raised,
    ):
        service.client(retry_seconds=30).get("/orders", {}, "orders, page 3", body)
    assert type(raised.value) is kind
    assert raised.value.status == status
    assert raised.value.guidance
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524])
def test_a_failure_that_a_repetition_can_mend_is_no_verdict_on_the_request(status: int) -> None:
    with TinyService(Reply(status, "<html>")) as service, pytest.raises(errors.Unreachable, match=str(status)):
        service.client(retry_seconds=0.1).get("/items", {}, "items", body)


@pytest.mark.parametrize("status", [408, 503])
def test_a_failure_that_a_repetition_can_mend_is_repeated(status: int) -> None:
    with TinyService(Reply(status, "<html>"), OK) as service:
        assert service.client(retry_seconds=30).get("/items", {}, "items", body) == b"fine"
    assert len(service.asked) == 2


@pytest.mark.parametrize("kind", ["server_error", "reset", "cut", "not_json", "gzip_damage", "stall"])
def test_a_broken_answer_is_asked_for_again(kind: str) -> None:
    account = Account(seed=1, scale=0.1, days=3, today=date(2026, 3, 17))
    with Sandbox(account, faults=[Fault(kind, seconds=2)]) as sandbox:
        client = Client(settings_for(sandbox.url, api_token=sandbox.token, retry_seconds=30, timeout_seconds=0.4))
        assert read_page(client, "/items", {}, "items").total > 0
    assert sandbox.struck[kind] == 1
    assert (client.traffic.requests, client.traffic.retries) == (2, 1)


def test_the_patience_with_failures_ends() -> None:
    with TinyService(Reply(503, "<html>")) as service, pytest.raises(errors.Unreachable) as raised:
        service.client(retry_seconds=1).get("/items", {}, "items", body)
    assert raised.value.status == 503
    assert 2 <= len(service.asked) <= 4


def test_waiting_for_a_rate_limit_uses_up_no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pauses, each longer than the patience, and a failure between them."""
    monkeypatch.setattr(client_module, "FIRST_DELAY_SECONDS", 0.01)  # so that the patience has room for a slow machine
    limited = Reply(429, "", {"Retry-After": "3"})
    with TinyService(limited, Reply(503, ""), limited, OK) as service:
        client = service.client(retry_seconds=2.9)
        assert client.get("/items", {}, "items", body) == b"fine"
    assert (client.traffic.refused_by_limit, client.traffic.retries) == (2, 1)


def test_while_nothing_but_failures_come_a_request_ends_soon_after_the_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By default within a minute. Else each failure could last as long as a request may."""
    assert Settings().retry_seconds + client_module.GRACE_SECONDS == 60
    monkeypatch.setattr(client_module, "GRACE_SECONDS", 0)
    with TinyService(Reply(503, ""), slow) as service, pytest.raises(errors.Unreachable, match="it took too long"):
        service.client(retry_seconds=1).get("/items", {}, "items", body)


def slow(_: Asked) -> Reply:
    time.sleep(2)
    return OK


def test_a_host_that_is_unknown_is_named() -> None:
    client = Client(settings_for("https://no-such-host.invalid/v1"))
    with pytest.raises(errors.Unreachable, match=r"https://no-such-host\.invalid:443 .the host name is unknown"):
        client.get("/items", {}, "items", body)


def test_one_good_answer_renews_the_patience() -> None:
    """Each failure alone is within the patience; together they would be too much for it."""
    bad = Reply(500, "")
    with TinyService(bad, OK, bad, OK, bad, OK) as service:
        client = service.client(retry_seconds=0.6)
        for _ in range(3):
            assert client.get("/items", {}, "items", body) == b"fine"
    assert len(service.asked) == 6


def test_nobody_at_home_says_so_without_the_query() -> None:
    with TinyService(OK) as service:
        client = service.client()
    with pytest.raises(errors.Unreachable, match=r"items: no response from http://127.0.0.1:\d+ \(") as raised:
        client.get("/items", {"external_name": "secret"}, "items", body)
    assert raised.value.status is None
    assert "secret" not in str(raised.value)


def test_a_pause_asked_for_in_seconds_is_kept() -> None:
    waited = seconds_between(Reply(429, "", {"Retry-After": "1"}))
    assert 1 <= waited < 2


def test_a_pause_asked_for_as_a_date_is_counted_by_the_clock_of_the_service() -> None:
    """Its clock is years behind ours: by ours, the pause would be over long ago."""
    now = datetime(2020, 1, 1, 12, tzinfo=UTC)
    headers = {"Date": format_datetime(now, usegmt=True)}
    headers["Retry-After"] = format_datetime(now + timedelta(seconds=1), usegmt=True)
    assert 1 <= seconds_between(Reply(429, "", headers)) < 2


def test_without_a_word_on_how_long_to_pause_it_backs_off() -> None:
    assert 0.25 <= seconds_between(Reply(429)) < 1


def seconds_between(limit: Reply) -> float:
    """Between a 429 and the next attempt, by a client whose patience with failures is shorter than any pause."""
    with TinyService(limit, OK) as service:
        client = service.client(retry_seconds=0.1)
        assert client.get("/items", {}, "items", body) == b"fine"
    assert client.traffic.refused_by_limit == 1
    return service.asked[1].at - service.asked[0].at


def test_a_pause_holds_for_every_thread() -> None:
    limited = threading.Event()

    def limit(asked: object) -> Reply:
        limited.set()
        return Reply(429, "", {"Retry-After": "1"})

    with TinyService(limit, OK) as service:
        client = service.client()
        first = threading.Thread(target=client.get, args=("/items", {}, "items", body))
        first.start()
        limited.wait()
        time.sleep(0.2)
        client.get("/orders", {}, "orders", body)
        first.join()
    refused, *later = service.asked
    assert len(later) == 2
    assert all(asked.at - refused.at >= 1 for asked in later)


def test_closing_ends_a_request_under_way() -> None:
    account = Account(seed=1, scale=0.1, days=3, today=date(2026, 3, 17))
    with Sandbox(account, faults=[Fault("stall", seconds=30)]) as sandbox:
        client = Client(settings_for(sandbox.url, api_token=sandbox.token, timeout_seconds=20))
        threading.Timer(0.2, client.close).start()
        with pytest.raises(errors.Unreachable, match="stopped"):
            client.get("/items", {}, "items", body)


def test_closing_ends_a_pause() -> None:
    with TinyService(Reply(429, "", {"Retry-After": "60"})) as service:
        client = service.client()
        threading.Timer(0.2, client.close).start()
        with pytest.raises(errors.Unreachable, match="stopped"):
            client.get("/items", {}, "items", body)


@pytest.mark.parametrize("status", STATUSES_OF_ALL_KINDS)
def test_no_message_and_no_log_line_holds_token_query_or_body(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def unreadable(answer: Response) -> None:
        raise errors.InvalidResponse("items: not JSON")

    with TinyService(Reply(status, BODY), Reply(404, BODY)) as service:
        client = service.client(retry_seconds=0.6)
        with pytest.raises(errors.ServiceError) as raised:
            client.get("/items", {"external_name": QUERY}, "items", unreadable)
    said = caplog.text + raised.value.guidance + "".join(traceback.format_exception(raised.value))
    assert "items" in caplog.text
    assert not [word for word in (QUERY, BODY, TOKEN) if word in said]


def test_a_body_beyond_reason_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LARGEST_BODY_BYTES", 1000)
    with TinyService(Reply(200, "x" * 2000)) as service, pytest.raises(errors.Unreachable, match="larger"):
        service.client().get("/items", {}, "items", body)


def test_the_time_is_the_latest_that_the_service_told() -> None:
    noon = datetime(2026, 3, 17, 12, tzinfo=UTC)
    replies = [
        Reply(200, "", {"Date": format_datetime(noon - back, usegmt=True)})
        for back in (timedelta(0), timedelta(hours=1))
    ]
    with TinyService(*replies) as service:
        client = service.client()
        assert client.get("/items", {}, "items", lambda answer: answer.at) == noon
        assert client.get("/items", {}, "items", lambda answer: answer.at) == noon - timedelta(hours=1)
        assert client.service_time() == noon


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}])
def test_where_the_service_tells_no_time_this_machine_does(headers: dict[str, str]) -> None:
    with TinyService(Reply(200, "", headers)) as service:
        client = service.client()
        client.get("/items", {}, "items", body)
    assert abs(client.service_time() - datetime.now(UTC)) < timedelta(seconds=5)
    assert client.service_time().microsecond == 0


def test_a_connection_is_kept_and_what_passes_is_counted() -> None:
    with TinyService(OK) as service:
        client = service.client()
        for _ in range(3):
            client.get("/items", {}, "items", body)
    assert len({asked.connection for asked in service.asked}) == 1
    assert (client.traffic.requests, client.traffic.bytes) == (3, 3 * len("fine"))


def test_a_page_that_is_none_is_asked_for_again() -> None:
    with TinyService(Reply(200, "<html>"), page([{"id": 1}])) as service:
        assert read_page(service.client(retry_seconds=30), "/items", {}, "items").count == 1
    assert len(service.asked) == 2
