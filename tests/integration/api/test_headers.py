"""Headers are text that the service chooses: unusable ones are ignored, usable ones obeyed, none is shown unchecked."""

import gzip
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tiny_service import TOKEN, Asked, Reply, TinyService, page, settings_for

from logentic import errors
from logentic.api import client as client_module
from logentic.api.client import Client, Response, retry_after
from logentic.api.pagination import read_pages
from logentic.api.probe import check_account

NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
LONG = "9" * 400
UNUSABLE_WAITS = {
    "ten billion seconds": "10000000000",
    "an exponent": "1e10",
    "400 digits": LONG,
    "5,000 digits": "9" * 5000,
    "a superscript": "²",
    "superscripts": "¹²³",
    "a fraction of superscripts": "1.²",
    "a sign": "-5",
    "a plus": "+5",
    "hexadecimal": "0x10",
    "a list": "5, 10",
    "a word": "soon",
    "infinity": "Infinity",
    "not a number": "NaN",
    "nothing": "",
    "a date in 9999": "Fri, 31 Dec 9999 23:59:59 GMT",
    "a date in 9999 in another zone": "Fri, 31 Dec 9999 23:59:59 -1200",
    "a date in the year 1": "Mon, 01 Jan 0001 00:00:00 +1200",
    "a zone that does not exist": "Tue, 17 Mar 2026 12:00:05 -2300",
    "a zone of a hundred hours": "Tue, 17 Mar 2026 12:00:05 +9999",
    "a date in the past": "Tue, 17 Mar 2020 12:00:00 GMT",
    "a day that does not exist": "Tue, 31 Feb 2026 12:00:05 GMT",
    "a time of superscripts": "Tue, 17 Mar 2026 ¹²:00:05 GMT",
    "a year of 400 digits": f"Tue, 17 Mar {LONG} 12:00:05 GMT",
}
USABLE_WAITS = {
    "Tue, 17 Mar 2026 12:00:05 GMT": 5,
    "Tuesday, 17-Mar-26 12:00:05 GMT": 5,
    "Tue Mar 17 12:00:05 2026": 5,  # asctime
    "Tue, 17 Mar 2026 12:00:05": 5,
    "Tue, 17 Mar 2026 12:00:05 -0000": 5,
    "Tue, 17 Mar 2026 08:00:05 -0400": 5,
    "5": 5,
    "005": 5,
    "1.5": 1.5,
    "0.001": 1,
    "900": 900,
    "86400": 86_400,
}
UNUSABLE_COUNTS = ["9" * 5000, "1e10", "²", "-1", "many", "", "0x10", "1²", "Infinity", "5 5"]
UNUSABLE_DATES = [
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2300",
    "Tue, 17 Mar 2026 12:00:00 -2300",
    "Tue, 17 Mar 2026 12:00:00 +9999",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Tue, 17 Mar 2200 12:00:00 GMT",
    f"Tue, 17 Mar {LONG} 12:00:00 GMT",
    f"Tue, {LONG} Mar 2026 12:00:00 GMT",
    "Tue, 17 Mar 2026 ²:00:00 GMT",
    "\xff\xfe",
]


@pytest.fixture
def toronto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's zone."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "America/Toronto")
        time.tzset()
        yield
    time.tzset()


def body(answer: Response) -> bytes:
    return answer.body


@pytest.mark.parametrize("value", UNUSABLE_WAITS.values(), ids=UNUSABLE_WAITS)
def test_an_unusable_retry_after_is_ignored(value: str) -> None:
    headers = {"Retry-After": value, "Date": format_datetime(NOON, usegmt=True)}
    with TinyService(Reply(429, "", headers), Reply(200, "fine")) as service:
        assert service.client().get("/items", {}, "items", body) == b"fine"
    assert retry_after({"retry-after": value}, NOON) == 0


@pytest.mark.parametrize(("value", "seconds"), USABLE_WAITS.items())
def test_a_usable_retry_after_is_obeyed_in_every_form(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}, NOON) == seconds


@pytest.mark.parametrize("name", ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Limit"])
@pytest.mark.parametrize("value", UNUSABLE_COUNTS, ids=range(len(UNUSABLE_COUNTS)))
def test_an_unusable_count_of_the_rate_limit_is_ignored(name: str, value: str) -> None:
    headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "40", "X-RateLimit-Reset": "30", name: value}
    with TinyService(Reply(200, "fine", headers)) as service:
        client = service.client()
        assert [client.get("/items", {}, "items", body) for _ in range(3)] == [b"fine"] * 3


def test_check_ignores_an_unusable_rate_limit_and_clock() -> None:
    limits = [{"X-RateLimit-Limit": value, "X-RateLimit-Remaining": value} for value in ("9" * 5000, "²")]
    for headers in limits:
        reply = page([])
        with TinyService(Reply(200, reply.body, {**headers, "Date": UNUSABLE_DATES[0]})) as service:
            answers = check_account(settings_for(service.url))
        assert [answer.error for answer in answers.lists] == [""] * 5
        assert (answers.rate_limit, answers.service_clock) == ({}, None)


@pytest.mark.parametrize("value", UNUSABLE_DATES, ids=range(len(UNUSABLE_DATES)))
@pytest.mark.parametrize("status", [200, 429])
def test_an_unusable_date_is_no_clock(status: int, value: str) -> None:
    with TinyService(Reply(status, "fine", {"Date": value}), Reply(200, "fine", {"Date": value})) as service:
        client = service.client()
        assert client.get("/items", {}, "items", body) == b"fine"
    assert client.service_clock is None
    assert abs(client.service_time() - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("value", ["Tue Mar 17 12:00:00 2026", "Tue, 17 Mar 2026 12:00:00", "17 Mar 2026 07:00 -0500"])
@pytest.mark.usefixtures("toronto")
def test_a_usable_date_is_the_clock_in_every_form(value: str) -> None:
    """One without a zone is in UTC, wherever this machine stands."""
    with TinyService(Reply(200, "fine", {"Date": value})) as service:
        client = service.client()
        client.get("/items", {}, "items", body)
    assert client.service_clock == NOON


def test_a_character_that_ends_a_line_elsewhere_ends_no_header() -> None:
    headers = {"X-Note": "a\x85Retry-After: 800", "X-More": "b\x0bDate: Tue, 17 Mar 2026 12:00:00 GMT"}
    with TinyService(Reply(429, "", headers), Reply(200, "fine")) as service:
        client = service.client(rate_limit_seconds=5)
        assert client.get("/items", {}, "items", body) == b"fine"
    assert client.service_clock is None


REQUEST_IDS = {
    "abc-1": True,
    "a1b2.C3_d4": True,
    "x" * 64: True,
    "x" * 65: False,
    "two words": False,
    "\x1b[31mred": False,
    "<!channel>": False,
    "é": False,
    "²": False,
    "a/b": False,
    TOKEN: False,
    f"id-{TOKEN}": False,
    "": False,
}


@pytest.mark.parametrize(("value", "is_shown"), REQUEST_IDS.items())
def test_only_a_harmless_request_id_is_shown(value: str, is_shown: bool) -> None:
    with (
        TinyService(Reply(404, "", {"X-Request-Id": value})) as service,
        pytest.raises(errors.NotFound) as raised,
    ):
        service.client().get("/items", {}, "items", body)
    assert str(raised.value) == "items: status 404" + (f", request {value}" if is_shown else "")


@pytest.mark.parametrize("headers", [{"Retry-After": "901"}, {"Retry-After": "Tue, 17 Mar 2026 12:15:01 GMT"}])
def test_a_wait_that_is_longer_than_the_setting_fails_at_once_and_names_both(headers: dict[str, str]) -> None:
    reply = Reply(429, "", {**headers, "Date": format_datetime(NOON, usegmt=True)})
    with (
        TinyService(reply) as service,
        pytest.raises(errors.Unreachable, match=r"asks to wait 901 s, for longer than rate_limit_seconds \(900\)"),
    ):
        service.client().get("/orders", {}, "orders, page 3", body)
    assert len(service.asked) == 1


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "1"}, {"Retry-After": LONG}])
def test_refusals_of_one_request_together_are_bounded(headers: dict[str, str]) -> None:
    with (
        TinyService(Reply(429, "", headers)) as service,
        pytest.raises(errors.Unreachable, match=r"orders: status 429 .*refuses this request, for longer than .*\(2\)"),
    ):
        service.client(retry_seconds=30, rate_limit_seconds=2).get("/orders", {}, "orders", body)
    assert 2 <= len(service.asked) < 8


def test_refusals_and_failures_in_turn_come_to_an_end() -> None:
    """A pause does not use up the patience with failures, and does not renew it either."""
    turns = [Reply(429, "", {"Retry-After": "1"}), Reply(503, "")] * 20
    with TinyService(*turns) as service, pytest.raises(errors.Unreachable):
        service.client(retry_seconds=600, rate_limit_seconds=3).get("/items", {}, "items", body)
    assert len(service.asked) < 12


def test_a_window_that_is_said_to_end_after_the_longest_wait_is_not_waited_for() -> None:
    """The refusal of one request says how long to wait, if there is one."""
    headers = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "600"}
    with TinyService(Reply(200, "fine", headers)) as service:
        client = service.client(rate_limit_seconds=5)
        assert [client.get("/items", {}, "items", body) for _ in range(2)] == [b"fine"] * 2


def test_the_headers_of_an_interim_response_are_not_those_of_the_response() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nRetry-After: 800\r\nDate: Tue, 17 Mar 2026 12:00:00 GMT\r\n\r\n"
    response = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for status in (b"429 Too Many Requests", b"200 OK"):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(interim + response.replace(b"429 Too Many Requests", status))

        threading.Thread(target=serve, daemon=True).start()
        client = Client(settings_for(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", rate_limit_seconds=5))
        assert client.get("/items", {}, "items", body) == b""
    assert client.service_clock is None


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_is_bounded_also_when_it_is_compressed(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LARGEST_BODY_BYTES", 100_000)
    content = b" " * 1_000_000
    sent = gzip.compress(content) if encoding == "gzip" else content
    headers = {"Content-Encoding": encoding}
    with TinyService(Reply(200, sent, headers)) as service, pytest.raises(errors.Unreachable, match="larger than"):
        service.client().get("/items", {}, "items", body)


def waiting_threads(client: Client, where: str, threads: int) -> list[BaseException | None]:
    """What became of requests that several threads send at once."""

    def ask(_: int) -> BaseException | None:
        try:
            client.get("/orders", {}, where, body)
        except errors.LogenticError as error:
            return error
        return None

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(ask, range(threads)))


@pytest.mark.parametrize("seconds", [11, 800])
def test_a_wait_ends_at_the_deadline_and_is_logged_once_for_all_threads(
    seconds: int, caplog: pytest.LogCaptureFixture
) -> None:
    with TinyService(Reply(429, "", {"Retry-After": str(seconds)})) as service:
        client = Client(settings_for(service.url), stop_at=time.monotonic() + 1)
        ended = waiting_threads(client, "orders, page 3", 4)
    assert [type(error) for error in ended] == [errors.DeadlineReached] * 4
    (line,) = [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()]
    assert line == f"orders, page 3: waiting {seconds} s for the rate limit"


def test_a_wait_for_a_window_to_end_ends_at_the_deadline() -> None:
    headers = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "600"}
    with TinyService(Reply(200, "fine", headers)) as service:
        client = Client(settings_for(service.url), stop_at=time.monotonic() + 0.5)
        assert client.get("/items", {}, "items", body) == b"fine"
        with pytest.raises(errors.DeadlineReached):
            client.get("/items", {}, "items", body)
    assert len(service.asked) == 1


def test_a_short_wait_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with TinyService(Reply(429, "", {"Retry-After": "1"}), Reply(200, "fine")) as service:
        service.client().get("/items", {}, "items", body)
    assert not caplog.records


def test_a_long_back_off_is_logged_once_for_all_threads(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "FIRST_DELAY_SECONDS", 24)
    with TinyService(Reply(503, "")) as service:
        client = service.client(retry_seconds=60)
        threading.Timer(1, client.close).start()
        ended = waiting_threads(client, "orders, page 3", 3)
    assert all(ended)
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert lines[0].startswith("orders, page 3: status 503; attempt 1 failed, again in ")


RETRIED_STATUSES = sorted(client_module.RETRIED_STATUSES - {429})


@pytest.mark.parametrize("status", RETRIED_STATUSES)
def test_every_retried_status_is_waited_for_as_long_as_it_asks_and_uses_up_no_patience(status: int) -> None:
    with TinyService(Reply(status, "", {"Retry-After": "1"}), Reply(200, "fine")) as service:
        client = service.client(retry_seconds=0.01)
        assert client.get("/items", {}, "items", body) == b"fine"
    first, second = service.asked
    assert second.at - first.at >= 1
    assert (client.traffic.retries, client.traffic.refused_by_limit) == (1, 0)


@pytest.mark.parametrize("value", ["Tue, 17 Mar 2026 12:00:02 GMT", "Tuesday, 17-Mar-26 12:00:02 GMT", "2", "1.5"])
def test_a_503_is_waited_for_in_every_form_of_retry_after(value: str) -> None:
    headers = {"Retry-After": value, "Date": format_datetime(NOON, usegmt=True)}
    with TinyService(Reply(503, "", headers), Reply(200, "fine")) as service:
        assert service.client(retry_seconds=0.01).get("/items", {}, "items", body) == b"fine"
    assert service.asked[1].at - service.asked[0].at >= 1.5


def test_the_back_off_stays_where_a_503_asks_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_DELAY_SECONDS", 4)
    with TinyService(Reply(503, "", {"Retry-After": "1"}), Reply(200, "fine")) as service:
        assert service.client(retry_seconds=30).get("/items", {}, "items", body) == b"fine"
    assert service.asked[1].at - service.asked[0].at >= 2


@pytest.mark.parametrize("value", UNUSABLE_WAITS.values(), ids=UNUSABLE_WAITS)
def test_an_unusable_retry_after_of_a_503_leaves_the_patience_as_it_is(value: str) -> None:
    reply = Reply(503, "", {"Retry-After": value.encode("latin-1", "replace").decode("latin-1"), "Date": "soon"})
    with TinyService(reply) as service, pytest.raises(errors.Unreachable, match=r"items: status 503$"):
        service.client(retry_seconds=0.01).get("/items", {}, "items", body)
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", RETRIED_STATUSES)
def test_a_retry_after_that_is_longer_than_the_setting_fails_at_once_whatever_the_status(status: int) -> None:
    with (
        TinyService(Reply(status, "", {"Retry-After": "901"})) as service,
        pytest.raises(errors.Unreachable, match=rf"{status}: it asks to wait 901 s, .* rate_limit_seconds \(900\)"),
    ):
        service.client(retry_seconds=600).get("/items", {}, "items", body)
    assert len(service.asked) == 1


def test_the_waits_that_503s_ask_for_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        client_module, "FIRST_DELAY_SECONDS", 0.001
    )  # so that the back-off stays shorter than what is asked
    with (
        TinyService(Reply(503, "", {"Retry-After": "1"})) as service,
        pytest.raises(errors.Unreachable, match=r"orders: status 503: it refuses this request, .*\(2\)"),
    ):
        service.client(retry_seconds=600, rate_limit_seconds=2).get("/orders", {}, "orders", body)
    assert 2 <= len(service.asked) < 8


@pytest.mark.parametrize("path", ["/items", "/items/1"])
def test_a_wait_after_a_503_ends_at_the_deadline_and_is_logged_once(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with TinyService(Reply(503, "", {"Retry-After": "800"})) as service:
        client = Client(settings_for(service.url), stop_at=time.monotonic() + 1)

        def ask(_: int) -> object:
            with pytest.raises(errors.DeadlineReached):
                client.get(path, {}, "items", body)
            return True

        with ThreadPoolExecutor(3) as pool:
            assert all(pool.map(ask, range(3)))
    assert len(service.asked) <= 3
    (line,) = [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()]
    assert line == "items: waiting 800 s because the service asks for it"


def test_a_retry_after_is_forgotten_when_the_next_attempt_fails_without_one() -> None:
    turns = [Reply(503, "", {"Retry-After": "1"}), Reply(200, b"x", {"Content-Length": "9"}), Reply(200, "fine")]
    with TinyService(*turns) as service, pytest.raises(errors.Unreachable, match="took too long"):
        service.client(retry_seconds=0.01, timeout_seconds=1).get("/items", {}, "items", body)


def test_no_request_is_repeated_after_the_deadline() -> None:
    """Also where none has been answered, and whatever the patience."""
    with TinyService(Reply(500, "")) as service:
        client = Client(settings_for(service.url, retry_seconds=600), stop_at=time.monotonic() + 0.2)
        with pytest.raises(errors.DeadlineReached):
            client.get("/items", {}, "items", body)
    assert len(service.asked) < 4


def test_no_page_is_asked_for_after_the_deadline() -> None:
    def slow_page(asked: Asked) -> Reply:
        number = int(asked.query.get("page", 1))
        if number == 2:
            time.sleep(3)
        links = {"next": f"{service.url}/orders?page={number + 1}"} if number < 5 else {}
        return page([{"id": number}], total=5, pages=5, links=links)

    read: list[int] = []
    with TinyService(slow_page) as service:
        client = Client(settings_for(service.url), stop_at=time.monotonic() + 2.5)
        with pytest.raises(errors.DeadlineReached, match="orders, page 3: the time limit has been reached"):
            read.extend(each.count for each in read_pages(client, "/orders", {}, "orders"))
    assert (len(service.asked), read) == (2, [1, 1])
