"""Valid pages of a small account of the sandbox, its personal values replaced by canaries."""

import pickle
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import simplejson

from fuzz import canaries
from logentic.resources import RESOURCES
from logentic.sandbox import Account
from logentic.sandbox.api import Api
from logentic.sandbox.live_account import LiveAccount
from logentic.sandbox.readings import Readings

TODAY = date(2026, 3, 17)
NOON = datetime(2026, 3, 17, 12, tzinfo=UTC)
ORIGIN = "http://127.0.0.1:1"
PAGES, PAGE_SIZE = 3, 6
QUERIES = {"inventory_history": {"start": "2026-01-01", "end": "2026-03-17"}}


def live_account(
    readings: Readings | None = None, *, seed: int = 5, scale: float = 0.05, days: int = 12
) -> LiveAccount:
    """Return an account at noon of its last day, the orders of which hold canaries."""
    account = LiveAccount(Account(seed=seed, scale=scale, days=days, today=TODAY), readings or Readings(), None)
    plant(account)
    return account


def plant(account: LiveAccount) -> None:
    """Replace the personal values of all orders and items that have none of ours yet."""
    for order in list(account.state().rows("orders")):
        if canaries.WORD not in order["recipient"]["name"]:
            account.alter(
                "orders",
                order["id"],
                recipient=canaries.recipient(order["id"]),
                place=canaries.place(order["place"], order["id"]),
            )
    for item in list(account.state().rows("items")):
        if canaries.WORD.lower() not in (item["notify_email"] or ""):
            account.alter("items", item["id"], notify_email=canaries.recipient(item["id"])["email"])


@cache
def _pages() -> Mapping[str, bytes]:
    """The pages of each resource, pickled: a copy of them is made for each case."""
    api = Api(live_account(scale=0.4).state(), ORIGIN)
    found = {}
    for resource in RESOURCES.values():
        query = {**QUERIES.get(resource.name, {}), "per_page": str(PAGE_SIZE)}
        texts = [api.respond(f"/v1{resource.path}", {**query, "page": str(n)}).body() for n in range(1, PAGES + 1)]
        documents = [simplejson.loads(text, use_decimal=True) for text in texts]
        documents[-1]["meta"]["pagination"]["links"] = []
        for document in documents:
            document["meta"]["pagination"].update(total=PAGES * PAGE_SIZE, total_pages=PAGES)
        found[resource.name] = documents
    assert all(len(page["data"]) == PAGE_SIZE for documents in found.values() for page in documents)
    return {name: pickle.dumps(documents) for name, documents in found.items()}


def pages(resource: str) -> list[dict[str, Any]]:
    """Return the pages of a list of a resource as documents: a copy, free to be spoiled."""
    return list(pickle.loads(_pages()[resource]))


def warm_up() -> None:
    """Make the pages now: processes that are split off later share them."""
    _pages()
