"""The sandbox over real HTTP: pagination to the letter, every filter, every status."""

import gzip
import http.client
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sandbox_client import NOON, TODAY, YEARS, get, walk

from logentic.sandbox import Account, Clock, Readings, Sandbox, truth

LISTS = ["orders", "items", "payment_items", "items/item_quantities", f"items/inventory?{YEARS}"]


@pytest.fixture(scope="module")
def account() -> Account:
    return Account(5, 0.3, 140, TODAY)


@pytest.fixture(scope="module")
def sandbox(account: Account) -> Iterator[Sandbox]:
    with Sandbox(account) as sandbox:
        yield sandbox


@pytest.mark.parametrize("path", LISTS)
def test_pages_are_those_of_league_fractal(sandbox: Sandbox, path: str) -> None:
    url, page, rows = path, 1, 0
    while True:
        body = get(sandbox, url).json()
        assert list(body) == ["data", "meta"]
        pagination = body["meta"]["pagination"]
        assert list(pagination) == ["total", "count", "per_page", "current_page", "total_pages", "links"]
        links = pagination.pop("links")
        assert all(type(value) is int for value in pagination.values())
        assert pagination["count"] == len(body["data"])
        assert pagination["current_page"] == page
        assert pagination["total_pages"] == -(-pagination["total"] // pagination["per_page"])
        rows += pagination["count"]
        is_last = page == pagination["total_pages"]
        assert ("next" in links) == (not is_last)
        assert ("previous" in links) == (page > 1)
        if is_last:
            assert rows == pagination["total"]
            return
        assert pagination["count"] == pagination["per_page"] == 50
        url, page = links["next"], page + 1
        assert parse_qs(urlsplit(url).query)["page"] == [str(page)]


@pytest.mark.parametrize("path", LISTS)
def test_a_walk_gives_every_row_once(sandbox: Sandbox, path: str) -> None:
    rows = walk(sandbox, path)
    keys = [(row["id"], row.get("date")) for row in rows]
    assert len(set(keys)) == len(keys)
    resource = path.partition("?")[0].removeprefix("items/").replace("inventory", "inventory_history")
    assert len(keys) == len(sandbox.state().rows(resource)) > 10


def test_a_single_page_has_an_empty_array_of_links(sandbox: Sandbox) -> None:
    pagination = get(sandbox, "items", external_name="SKU-0001").json()["meta"]["pagination"]
    assert pagination == {"total": 1, "count": 1, "per_page": 50, "current_page": 1, "total_pages": 1, "links": []}
    pagination = get(sandbox, "items", external_name="none").json()["meta"]["pagination"]
    assert pagination == {"total": 0, "count": 0, "per_page": 50, "current_page": 1, "total_pages": 1, "links": []}


def test_a_page_past_the_end_is_empty(sandbox: Sandbox) -> None:
    body = get(sandbox, "orders", page=9999).json()
    assert body["data"] == []
    assert body["meta"]["pagination"]["count"] == 0
    assert list(body["meta"]["pagination"]["links"]) == ["previous"]
    assert get(sandbox, "orders", page="x").json()["meta"]["pagination"]["current_page"] == 1


def test_the_last_page_can_be_full(sandbox: Sandbox) -> None:
    item_id = get(sandbox, "items").json()["data"][0]["id"]
    query = {"start": "2026-02-01", "end": "2026-02-28", "per_page": 14}
    pagination = get(sandbox, f"items/inventory/{item_id}", **query).json()["meta"]["pagination"]
    assert (pagination["total"], pagination["total_pages"]) == (28, 2)


def test_records_hold_the_documented_fields(sandbox: Sandbox) -> None:
    order = get(sandbox, "orders").json()["data"][0]
    assert {"order_type", "status", "warehouse_id", "recipient", "stored_items", "place"} <= set(order)
    assert set(order["recipient"]) == {"name", "email", "phone"}
    assert set(order["place"]) == {"address1", "address2", "postal_code", "city", "province_code", "country_code"}
    assert set(order["stored_items"][0]) == {"item_id", "shopify_variant_id", "quantity"}
    quantity = get(sandbox, "items/item_quantities").json()["data"][0]
    counters = {"supply", "receiving", "prepared", "back_ordered", "delivered"}
    assert set(quantity) == {"id", "item_id", "sku", *counters, "updated_at", "created_at"}
    history = get(sandbox, f"items/inventory?{YEARS}").json()["data"][0]
    assert set(history) == {
        *("id", "name", "external_name", "cubic_size", "weight", "date", "total_volume", "total_storage_price"),
        *("prepared", "receiving", "supply"),
    }
    item = get(sandbox, "items").json()["data"][0]
    assert {"name", "width_in", "depth_in", "height_in", "weight", "price", "description", "notify_email"} <= set(item)


def test_one_record_by_id(sandbox: Sandbox) -> None:
    for resource in ("orders", "items", "payment_items"):
        listed = get(sandbox, resource).json()["data"][3]
        assert get(sandbox, f"{resource}/{listed['id']}").json() == {"data": listed}
        missing = get(sandbox, f"{resource}/1")
        assert missing.status_code == 404
        assert missing.json()["message"].startswith("No query results for model")


def test_lists_of_one_item(sandbox: Sandbox) -> None:
    item_id = get(sandbox, "items").json()["data"][2]["id"]
    for path, field in ((f"items/{item_id}/item_quantities", "item_id"), (f"items/inventory/{item_id}?{YEARS}", "id")):
        assert {row[field] for row in walk(sandbox, path)} == {item_id}
    assert get(sandbox, "items/1/item_quantities").status_code == 404
    assert get(sandbox, f"items/inventory/1?{YEARS}").status_code == 404
    assert get(sandbox, f"items/inventory/{item_id}").status_code == 422


def test_deleted_items_are_gone_but_for_their_history(sandbox: Sandbox, account: Account) -> None:
    deleted = [row["item_id"] for row in truth.items(account, NOON) if row["is_deleted"]]
    live = {row["id"] for row in walk(sandbox, "items")}
    assert deleted
    for item_id in deleted:
        assert item_id not in live
        assert get(sandbox, f"items/{item_id}").status_code == 404
        assert walk(sandbox, f"items/inventory/{item_id}?{YEARS}")


def test_filters_of_orders(sandbox: Sandbox) -> None:
    orders = walk(sandbox, "orders")
    some = [orders[5], orders[17]]
    names = ",".join(row["external_name"] for row in some)
    assert walk(sandbox, "orders", external_name=names) == some
    bought = next(row for row in orders if row["shopify_order_id"])
    assert walk(sandbox, "orders", shopify_order_id=bought["shopify_order_id"]) == [bought]
    found = walk(sandbox, "orders", updated_at_start="2026-02-03", updated_at_end="2026-02-05")
    assert found == [row for row in orders if "2026-02-03" <= row["updated_at"] < "2026-02-06"]
    assert found


def test_filters_of_items_and_quantities(sandbox: Sandbox) -> None:
    item = next(row for row in walk(sandbox, "items") if row["shopify_variant_id"])
    assert walk(sandbox, "items", external_name=item["external_name"]) == [item]
    assert walk(sandbox, "items", shopify_variant_id=item["shopify_variant_id"]) == [item]
    records = walk(sandbox, "items/item_quantities")
    by_variant = walk(sandbox, "items/item_quantities", shopify_variant_id=item["shopify_variant_id"])
    assert by_variant == [row for row in records if row["item_id"] == item["id"]]
    start, end = records[100]["updated_at"], records[200]["updated_at"]
    found = walk(sandbox, "items/item_quantities", updated_at_start=start, updated_at_end=end)
    assert found == [row for row in records if start <= row["updated_at"] <= end]


def test_filters_of_history(sandbox: Sandbox) -> None:
    rows = walk(sandbox, "items/inventory", start="2026-02-27", end="2026-03-01")
    assert {row["date"] for row in rows} == {"2026-02-27", "2026-02-28", "2026-03-01"}
    hidden = walk(sandbox, "items/inventory", start="2026-02-27", end="2026-03-01", exclude_storage_price="true")
    assert hidden == [{name: row[name] for name in row if name != "total_storage_price"} for row in rows]


def test_filters_of_charges(sandbox: Sandbox) -> None:
    charges = walk(sandbox, "payment_items")
    found = walk(sandbox, "payment_items", start="2026-02-10", end="2026-02-12")
    assert found == [row for row in charges if row["end"] >= "2026-02-10" and row["start"] <= "2026-02-12"]
    assert {row["type"] for row in found} >= {"storage", "handling"}
    billed = walk(sandbox, "payment_items", billed_date_start="2026-02-01", billed_date_end="2026-02-28")
    assert {row["billed_date"] for row in billed} == {"2026-02-03"}
    payment_id = billed[0]["payment_id"]
    assert walk(sandbox, "payment_items", payment_id=payment_id) == billed
    plain = walk(sandbox, "payment_items", payment_id=payment_id, exclude_storage_info="1")
    assert plain == [{name: row[name] for name in row if name != "total_volume"} for row in billed]


def test_charges_by_invoice(sandbox: Sandbox) -> None:
    charges, invoices = walk(sandbox, "payment_items"), walk(sandbox, "payment_items", group_by_invoice="true")
    assert [list(row) for row in invoices[:1]] == [["payment_id", "billed_date", "charges", "amount"]]
    for invoice in invoices:
        rows = [row for row in charges if row["payment_id"] == invoice["payment_id"]]
        assert (invoice["charges"], invoice["amount"]) == (len(rows), sum(row["amount"] for row in rows))
    assert [row["billed_date"] for row in invoices][-3:] == ["2026-02-03", "2026-03-03", None]


def test_the_open_month_grows_every_night(account: Account) -> None:
    with Sandbox(account) as sandbox:
        seen = []
        for day in (5, 6):
            sandbox.clock.set(datetime(2026, 3, day, 12, tzinfo=UTC))
            charge = walk(sandbox, "payment_items", start="2026-03-01")
            seen.append(next(row for row in charge if row["type"] == "storage" and row["amount"] > 1))
        before, after = seen
        assert (before["id"], before["end"], after["end"]) == (after["id"], "2026-03-04", "2026-03-05")
        assert after["amount"] > before["amount"]
        assert before["payment_id"] is before["billed_date"] is None


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("", {"start": ["The start field is required."], "end": ["The end field is required."]}),
        ("?start=2026-01-01", {"end": ["The end field is required."]}),
        ("?start=2026-01-01&end=soon", {"end": ["The end field must be a valid date."]}),
    ],
)
def test_history_wants_start_and_end(sandbox: Sandbox, query: str, errors: dict[str, list[str]]) -> None:
    response = get(sandbox, f"items/inventory{query}")
    assert response.status_code == 422
    assert response.json()["errors"] == errors
    more = " (and 1 more error)" if len(errors) == 2 else ""
    assert response.json()["message"] == next(iter(errors.values()))[0] + more


def test_a_wrong_time_is_refused(sandbox: Sandbox) -> None:
    assert get(sandbox, "orders", updated_at_start="2026-13-01").status_code == 422
    response = get(sandbox, "items/item_quantities", updated_at_end="2026-01-01T25:00:00Z")
    assert response.json()["errors"] == {"updated_at_end": ["The updated at end field must be a valid date."]}


@pytest.mark.parametrize("token", [None, "Bearer wrong", "sandbox-token"])
def test_without_the_token_nothing_is_said(sandbox: Sandbox, token: str | None) -> None:
    response = requests.get(f"{sandbox.url}/orders", headers={"Authorization": token or ""}, timeout=10)
    assert (response.status_code, response.json()) == (401, {"message": "Unauthenticated."})


def test_unknown_routes(sandbox: Sandbox) -> None:
    for path in ("nothing", "orders/abc", "items/12/inventory", "items/inventory/12/item_quantities"):
        response = get(sandbox, path)
        assert response.status_code == 404
        assert response.json() == {"message": f"The route v1/{path} could not be found."}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_writes_of_lists_are_refused_and_counted(account: Account, method: str) -> None:
    with Sandbox(account) as sandbox:
        assert sandbox.writes == 0
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        response = requests.request(method, f"{sandbox.url}/payment_items", json={}, headers=headers, timeout=10)
        assert response.status_code == 405
        assert (sandbox.writes, sandbox.methods[method]) == (1, 1)


def test_the_log_says_what_was_asked(account: Account) -> None:
    with Sandbox(account) as sandbox:
        get(sandbox, "orders", page=2)
        get(sandbox, "items/inventory")
        assert [tuple(request) for request in sandbox.requests] == [
            ("GET", "/v1/orders", {"page": "2"}, 200),
            ("GET", "/v1/items/inventory", {}, 422),
        ]
        assert sandbox.statuses == {200: 1, 422: 1}


def test_the_date_is_the_clocks(account: Account) -> None:
    with Sandbox(account) as sandbox:
        assert get(sandbox, "items").headers["Date"] == "Wed, 18 Mar 2026 12:00:00 GMT"
        sandbox.clock.set(datetime(2026, 2, 1, tzinfo=UTC))
        assert get(sandbox, "items").headers["Date"] == "Sun, 01 Feb 2026 00:00:00 GMT"
        assert max(row["updated_at"] for row in walk(sandbox, "orders")) < "2026-02-01T00:00:01Z"
    with Sandbox(account, readings=Readings(date_header=False)) as sandbox:
        assert "Date" not in get(sandbox, "items").headers
    ticking = Clock(NOON, ticking=True)
    time.sleep(1.05)
    assert timedelta(seconds=1) <= ticking.now() - NOON < timedelta(seconds=60)


def test_one_connection_serves_many_requests_zipped_if_wanted(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(sandbox.url).port or 0)
    sockets = set()
    for encoding in ("identity", "gzip"):
        headers = {"Authorization": f"Bearer {sandbox.token}", "Accept-Encoding": encoding}
        connection.request("GET", "/v1/items", headers=headers)
        response = connection.getresponse()
        body = response.read()
        assert (response.headers.get("Content-Encoding") == "gzip") == (encoding == "gzip")
        text = gzip.decompress(body) if encoding == "gzip" else body
        assert len(json.loads(text)["data"]) > 10
        assert b'{"data":[{"id":' in text
        assert "é".encode() in text
        sockets.add(connection.sock)
    assert len(sockets) == 1
    connection.close()


def test_it_stops_with_clients_still_connected(account: Account) -> None:
    session = requests.Session()
    with Sandbox(account) as sandbox:
        session.get(f"{sandbox.url}/orders", timeout=10)
        url = sandbox.url  # what a connection left open would hold up is the end of this block
    with pytest.raises(requests.ConnectionError):
        session.get(f"{url}/orders", timeout=2)
