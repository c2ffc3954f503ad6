"""Each fault as a client meets it, the rate limit, and rows that change between two pages."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import pytest
import requests
from sandbox_client import NOON, TODAY, YEARS, get, walk

from logentic.sandbox import Account, Fault, Sandbox, random_faults
from logentic.sandbox.clock import Clock
from logentic.sandbox.faults import TRANSIENT, RateLimit
from logentic.sandbox.standalone import serve_sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(5, 0.2, 45, TODAY)) as sandbox:
        yield sandbox


def test_a_fault_strikes_where_when_and_as_often_as_told(sandbox: Sandbox) -> None:
    fault = Fault("server_error", path="/v1/orders", page=2, times=2, after=1)
    sandbox.faults.append(fault)
    assert get(sandbox, "items").status_code == get(sandbox, "orders").status_code == 200
    assert [get(sandbox, "orders", page=2).status_code for _ in range(4)] == [200, 503, 503, 200]
    assert (fault.struck, sandbox.struck) == (2, {"server_error": 2})


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_speak_html(sandbox: Sandbox, status: int) -> None:
    sandbox.faults.append(Fault("server_error", status=status))
    response = get(sandbox, "orders")
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/html")
    assert "<html>" in response.text


def test_too_many_requests(sandbox: Sandbox) -> None:
    kind = "too_many_requests"
    sandbox.faults += [Fault(kind, retry_after=7), Fault(kind, retry_after=7, as_date=True), Fault(kind)]
    seconds, moment, nothing = (get(sandbox, "orders") for _ in range(3))
    assert {response.status_code for response in (seconds, moment, nothing)} == {429}
    assert seconds.headers["Retry-After"] == "7"
    assert parsedate_to_datetime(moment.headers["Retry-After"]) == NOON + timedelta(seconds=7)
    assert "Retry-After" not in nothing.headers
    assert get(sandbox, "orders").status_code == 200


def test_reset_and_stall_give_no_answer(sandbox: Sandbox) -> None:
    sandbox.faults += [Fault("reset"), Fault("stall", seconds=5)]
    with pytest.raises(requests.ConnectionError):
        get(sandbox, "orders")
    with pytest.raises(requests.Timeout):
        requests.get(f"{sandbox.url}/orders", timeout=0.2)
    assert sandbox.requests[0].status == 0


def test_a_stall_does_not_hold_up_the_end() -> None:
    others = set(enumerate_threads())
    with Sandbox(Account(5, 0.1, 5, TODAY), faults=[Fault("stall", seconds=3600)]) as sandbox:
        with pytest.raises(requests.Timeout):
            requests.get(f"{sandbox.url}/orders", timeout=0.1)
        ours = set(enumerate_threads()) - others
        assert any("process_request_thread" in thread.name for thread in ours)
    for thread in ours:
        thread.join(60)  # of the hour that the stall would last
        assert not thread.is_alive()


def test_a_body_cut_short(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault("cut"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(sandbox, "orders")


def test_answers_that_are_not_what_they_say(sandbox: Sandbox) -> None:
    sandbox.faults += [Fault("not_json"), Fault("wrong_type"), Fault("gzip_damage")]
    not_json, wrong_type = get(sandbox, "orders"), get(sandbox, "orders")
    assert (not_json.status_code, not_json.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        not_json.json()
    assert wrong_type.headers["Content-Type"].startswith("text/html")
    assert wrong_type.json()["data"]
    with pytest.raises(requests.exceptions.ContentDecodingError):
        get(sandbox, "orders")


def test_pages_that_lie(sandbox: Sandbox) -> None:
    sandbox.faults += [Fault("empty_page", page=2), Fault("false_total", page=1)]
    lying, first, empty = get(sandbox, "orders"), get(sandbox, "orders"), get(sandbox, "orders", page=2)
    total = first.json()["meta"]["pagination"]["total"]
    assert lying.json()["meta"]["pagination"]["total"] == total + 1
    assert empty.json()["data"] == []
    assert empty.json()["meta"]["pagination"]["total"] == total
    assert "next" in empty.json()["meta"]["pagination"]["links"]


def test_next_that_leads_astray(sandbox: Sandbox) -> None:
    sandbox.faults += [
        Fault("next_elsewhere", elsewhere="http://evil.example"),
        Fault("next_self"),
        Fault("next_cycle"),
    ]
    links = [
        get(sandbox, "orders", page=3, updated_at_start="2026-01-01").json()["meta"]["pagination"]["links"]["next"]
        for _ in range(3)
    ]
    asked = "/v1/orders?page={}&updated_at_start=2026-01-01"
    assert links == [
        f"http://evil.example{asked.format(4)}",
        f"{sandbox.origin}{asked.format(3)}",
        f"{sandbox.origin}{asked.format(1)}",
    ]


def test_redirect_elsewhere(sandbox: Sandbox) -> None:
    sandbox.faults.append(Fault("redirect", elsewhere="http://evil.example"))
    response = get(sandbox, "orders")
    assert (response.status_code, response.headers["Location"]) == (302, "http://evil.example/v1/orders")


def test_access_ends_in_the_middle_or_was_never_there(sandbox: Sandbox) -> None:
    sandbox.faults += [
        Fault("forbidden", path="/v1/payment_items", times=None),
        Fault("unauthorized", after=2, times=None),
    ]
    assert [get(sandbox, "orders").status_code for _ in range(4)] == [200, 200, 401, 401]
    assert {get(sandbox, "payment_items").status_code for _ in range(3)} == {403}


def test_random_faults_come_from_their_seed() -> None:
    kinds = []
    for _ in range(2):
        faults = random_faults(9, 0.3)
        struck = [faults.strike("/v1/orders", 1) for _ in range(400)]
        kinds.append([fault and fault.kind for fault in struck])
    assert kinds[0] == kinds[1]
    assert set(kinds[0]) == {None, *TRANSIENT}
    assert 80 < sum(kind is not None for kind in kinds[0]) < 160


def test_the_rate_limit_gives_way_with_time() -> None:
    clock = Clock(NOON)  # stands still between the requests, however slow they are
    limit = RateLimit(60, lambda: clock.now().timestamp())
    with Sandbox(Account(5, 0.1, 5, TODAY), clock=clock, rate_limit=limit) as sandbox:
        responses = [get(sandbox, "items") for _ in range(61)]
        assert [response.status_code for response in responses] == [200] * 60 + [429]
        assert responses[0].headers["X-RateLimit-Limit"] == "60"
        assert int(responses[0].headers["X-RateLimit-Remaining"]) == 59
        assert responses[60].headers["X-RateLimit-Remaining"] == "0"
        assert responses[60].headers["Retry-After"] == "1"
        clock.advance(timedelta(seconds=1))
        assert [get(sandbox, "items").status_code for _ in range(2)] == [200, 429]


def test_latency_is_added_to_every_answer() -> None:
    with Sandbox(Account(5, 0.1, 5, TODAY), latency_ms=80) as sandbox:
        started = time.monotonic()
        get(sandbox, "items")
        assert time.monotonic() - started >= 0.08


def test_rows_change_between_pages(sandbox: Sandbox) -> None:
    """The first order leaves after page 1: everything moves up by one, and a row is lost to who just goes on."""
    first = min(sandbox.state().tables["orders"])

    def remove_first(path: str, query: dict[str, str], n: int) -> None:
        if n == 2:
            assert (path, query) == ("/v1/orders", {"page": "2"})
            sandbox.remove("orders", first)

    sandbox.before_response(remove_first)
    whole = set(sandbox.state().tables["orders"])
    assert len(whole - {row["id"] for row in walk(sandbox, "orders")}) == 1
    assert get(sandbox, f"orders/{first}").status_code == 404


def test_changes_happen_at_the_clocks_moment_and_are_undone_before_it(sandbox: Sandbox) -> None:
    charge_id = sandbox.insert("payment_items", {"type": "custom", "amount": 12, "start": TODAY, "end": TODAY})
    order_id = next(iter(sandbox.state().tables["orders"]))
    item_id = next(iter(sandbox.state().tables["items"]))
    counters = sandbox.state().rows("item_quantities")
    supply = [row["supply"] for row in counters if row["item_id"] == item_id][-1]
    sandbox.alter("orders", order_id, status="CANCELLED")
    sandbox.alter("inventory_history", (item_id, TODAY - timedelta(days=3)), supply=4711)
    sandbox.restate_day(TODAY - timedelta(days=5))
    sandbox.restate_day(TODAY - timedelta(days=6), receiving=9)
    sandbox.move(item_id, adjusted=3)
    sandbox.remove("items", item_id)

    assert get(sandbox, f"payment_items/{charge_id}").json()["data"]["updated_at"] == "2026-03-18T12:00:00Z"
    assert get(sandbox, f"orders/{order_id}").json()["data"]["status"] == "CANCELLED"
    history = walk(sandbox, f"items/inventory/{item_id}?{YEARS}")
    by_day = {row["date"]: row for row in history}
    assert by_day["2026-03-15"]["supply"] == 4711
    assert "2026-03-13" not in by_day
    assert by_day["2026-03-12"]["receiving"] == 9
    assert walk(sandbox, f"items/{item_id}/item_quantities")[-1]["supply"] == supply + 3
    assert get(sandbox, f"items/{item_id}").status_code == 404

    sandbox.clock.set(NOON - timedelta(seconds=1))
    assert get(sandbox, f"payment_items/{charge_id}").status_code == 404
    assert get(sandbox, f"items/{item_id}").status_code == 200
    assert "2026-03-13" in {row["date"] for row in walk(sandbox, f"items/inventory/{item_id}?{YEARS}")}


def test_what_is_inserted_is_never_taken_for_what_comes_later(sandbox: Sandbox) -> None:
    charge_id = sandbox.insert("payment_items", {"type": "custom", "amount": 12, "start": TODAY, "end": TODAY})
    order_id = sandbox.insert("orders", {"status": "PENDING", "stored_items": []})
    sandbox.clock.advance(timedelta(days=9))
    assert get(sandbox, f"payment_items/{charge_id}").json()["data"]["amount"] == 12
    assert get(sandbox, f"orders/{order_id}").json()["data"]["status"] == "PENDING"
    assert len(sandbox.state().tables["orders"]) > 200


def test_a_change_from_before_reaches_another_sandbox_of_the_account(sandbox: Sandbox) -> None:
    with Sandbox(sandbox.account) as other:
        assert other.state().version
        sandbox.clock.set(NOON - timedelta(days=1))
        order_id = sandbox.insert("orders", {"status": "PENDING", "stored_items": []}, key=77)
        assert get(other, f"orders/{order_id}").json()["data"]["updated_at"] == "2026-03-17T12:00:00Z"


def test_serve_prints_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    stop = Event()
    served = Thread(target=serve_sandbox, kwargs={"port": 0, "scale": 0.1, "days": 5, "stop": stop})
    served.start()
    lines: list[str] = []
    while len(lines) < 2 and served.is_alive():
        time.sleep(0.05)
        lines += capsys.readouterr().out.splitlines()
    settings = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    headers = {"Authorization": f"Bearer {settings['LOGENTIC_API_TOKEN']}"}
    response = requests.get(f"{settings['LOGENTIC_BASE_URL']}/items", headers=headers, timeout=10)
    stop.set()
    served.join(60)
    assert response.status_code == 200
    assert abs(parsedate_to_datetime(response.headers["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert not served.is_alive()
