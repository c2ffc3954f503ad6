"""The sandbox accepts writes as a Laravel service may, and its truth has what was written."""

from decimal import Decimal
from typing import Any

import pytest
import requests
from pushed_orders import item, items_of, order, small_account
from sandbox_client import get

from logentic.sandbox import Readings, Sandbox, truth
from logentic.sandbox.faults import Fault


def send(sandbox: Sandbox, method: str, path: str, body: Any = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    return requests.request(method, f"{sandbox.url}/{path}", json=body, headers=headers, timeout=10)


def test_what_is_invalid_is_refused_by_field() -> None:
    with Sandbox(small_account()) as sandbox:
        refused = send(sandbox, "POST", "items", item("A", width_in="wide") | {"name": None})
        assert (refused.status_code, refused.json()) == (
            422,
            {
                "message": "The name field is required. (and 1 more error)",
                "errors": {
                    "name": ["The name field is required."],
                    "width_in": ["The width in field must be a number."],
                },
            },
        )
        refused = send(sandbox, "POST", "orders", order("A", 1, stored_items=[{"quantity": 0}]))
        assert set(refused.json()["errors"]) == {
            *("stored_items.0.item_id", "stored_items.0.shopify_variant_id", "stored_items.0.quantity")
        }
        assert send(sandbox, "PUT", "items/1", item("A")).status_code == 404
        assert "Supported methods: GET, HEAD, PUT." in send(sandbox, "DELETE", "orders/19001").json()["message"]


@pytest.mark.parametrize(("put", "description"), [("replaces", None), ("patches", "warm light")])
def test_a_put_replaces_a_record_or_changes_some_of_its_fields(put: Any, description: str | None) -> None:
    with Sandbox(small_account(), readings=Readings(put=put)) as sandbox:
        made = send(sandbox, "POST", "items", item("A", description="warm light")).json()["data"]
        changed = send(sandbox, "PUT", f"items/{made['id']}", item("A", price=3)).json()["data"]
        assert (changed["price"], changed["description"]) == (3, description)
        partial = send(sandbox, "PUT", f"items/{made['id']}", {"price": 4})
        assert partial.status_code == (422 if put == "replaces" else 200)


def test_names_may_be_dropped_and_filters_ignored() -> None:
    with Sandbox(small_account(), readings=Readings(written_names="ignored", name_filter="ignored")) as sandbox:
        made = send(sandbox, "POST", "orders", order("A", items_of(sandbox)[0])).json()["data"]
        assert made["external_name"] is None
        found = get(sandbox, "orders", external_name="A").json()
        assert found["meta"]["pagination"]["total"] == len(sandbox.state().tables["orders"]) > 1


def test_the_truth_has_what_was_written_also_without_an_answer() -> None:
    faults = [Fault("server_error"), Fault("lost_answer"), Fault("error_after_write", after=1, status=500)]
    with Sandbox(small_account(), write_faults=faults) as sandbox:
        made = order("A", items_of(sandbox)[0], shopify_order_id="77")
        assert send(sandbox, "POST", "orders", made).status_code == 503
        with pytest.raises(requests.ConnectionError):
            send(sandbox, "POST", "orders", made)
        changed = made | {"place": made["place"] | {"city": "Laval"}}
        assert send(sandbox, "PUT", "shopify_orders/77", changed).status_code == 200
        assert send(sandbox, "POST", "items", item("B")).status_code == 500
        now = sandbox.clock.now()
        orders = [each for each in truth.orders(sandbox.account, now) if each["external_name"] == "A"]
        assert [(each["city"], each["units"]) for each in orders] == [("Laval", 2)]
        (lamp,) = (each for each in truth.items(sandbox.account, now) if each["sku"] == "B")
        assert (lamp["is_deleted"], lamp["weight"]) == (False, Decimal("1.25"))
        assert send(sandbox, "DELETE", f"items/{lamp['item_id']}").status_code == 204
        assert get(sandbox, f"items/{lamp['item_id']}").status_code == 404
