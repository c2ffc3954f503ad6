"""`logentic get` prints what the API gives: every filter, every number as it was written, nobody's name."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from command_line import access, logentic
from sandbox_client import get as ask
from sandbox_client import walk

from logentic.privacy.pseudonyms import PERSONAL_VALUE
from logentic.sandbox import Account, Readings, Sandbox

TODAY = date(2026, 3, 17)
PERSONAL = ("name", "email", "phone", "address1", "address2", "postal_code")


@pytest.fixture(scope="module")
def service() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=34, scale=0.2, days=40, today=TODAY), readings=Readings(extra_fields=True)) as sandbox:
        yield sandbox


def got(service: Sandbox, folder: Path, *words: object) -> Any:
    told = logentic("get", *words, cwd=folder, **access(service))
    assert (told.returncode, told.stderr) == (0, ""), told.stderr
    return json.loads(told.stdout, parse_float=Decimal)


def options(query: dict[str, object]) -> list[object]:
    """--name value; a flag where the value is 1."""
    words: list[object] = []
    for name, value in query.items():
        words += [f"--{name.replace('_', '-')}"] + ([] if value == 1 else [value])
    return words


def test_one_record_by_id_is_as_the_api_gives_it_but_for_persons(service: Sandbox, tmp_path: Path) -> None:
    order = walk(service, "orders")[0]
    shown = got(service, tmp_path, "orders", order["id"])
    assert list(shown) == list(order)
    assert {shown["recipient"][name] for name in order["recipient"]} == {"***"}
    assert shown["place"]["postal_code"] == f"{order['place']['postal_code'][:3]} ***"
    assert shown["place"]["city"] == order["place"]["city"]
    assert (shown["handled_by"], shown["channel"]["name"]) == ("***", "***")
    unmasked = {
        name: value for name, value in order.items() if name not in ("recipient", "place", "handled_by", "channel")
    }
    assert {name: shown[name] for name in unmasked} == unmasked
    assert got(service, tmp_path, "orders", order["id"], "--keep-personal-data") == order


def test_numbers_are_printed_as_they_were_written(service: Sandbox, tmp_path: Path) -> None:
    charge = walk(service, "payment_items")[0]
    told = logentic("get", "payment_items", charge["id"], "--keep-personal-data", cwd=tmp_path, **access(service))
    written = ask(service, f"payment_items/{charge['id']}").text
    assert told.stdout.replace('": ', '":').replace(', "', ',"').strip() == written[len('{"data":') : -1]
    assert "1234.567890123456789" in told.stdout


def examples(service: Sandbox) -> list[tuple[str, str, dict[str, object]]]:
    """(resource, path, filters), each with some rows and not all."""
    orders, items, charges = walk(service, "orders"), walk(service, "items"), walk(service, "payment_items")
    item = next(item for item in items if item["shopify_variant_id"])
    order = next(order for order in orders if order["shopify_order_id"])
    days = {"start": "2026-03-01", "end": "2026-03-08"}
    times = {"updated_at_start": "2026-03-01T00:00:00Z", "updated_at_end": "2026-03-08T00:00:00Z"}
    moved = walk(service, "items/item_quantities", **times)[0]["item_id"]
    payment = next(charge["payment_id"] for charge in charges if charge["payment_id"])
    billed = next(charge["billed_date"] for charge in charges if charge["billed_date"])
    return [
        ("orders", "orders", {"external_name": f"{orders[0]['external_name']},{orders[1]['external_name']}"}),
        ("orders", "orders", {"shopify_order_id": order["shopify_order_id"]}),
        ("orders", "orders", {"updated_at_start": "2026-03-01", "updated_at_end": "2026-03-08"}),
        ("items", "items", {"external_name": item["external_name"]}),
        ("items", "items", {"shopify_variant_id": item["shopify_variant_id"]}),
        ("item_quantities", "items/item_quantities", times),
        ("item_quantities", "items/item_quantities", {"shopify_variant_id": item["shopify_variant_id"]}),
        (f"item_quantities {moved}", f"items/{moved}/item_quantities", times),
        ("inventory", "items/inventory", {**days, "exclude_storage_price": 1}),
        (f"inventory {item['id']}", f"items/inventory/{item['id']}", days),
        ("payment_items", "payment_items", {**days, "exclude_storage_info": 1}),
        ("payment_items", "payment_items", {"billed_date_start": billed, "billed_date_end": billed}),
        ("payment_items", "payment_items", {"payment_id": payment}),
        ("payment_items", "payment_items", {"group_by_invoice": 1}),
    ]


@pytest.mark.parametrize("place", range(14))
def test_every_filter_of_the_reference_with_all_pages(service: Sandbox, tmp_path: Path, place: int) -> None:
    resource, path, query = examples(service)[place]
    expected = walk(service, path, **query)
    assert expected
    shown = got(service, tmp_path, *resource.split(), *options(query), "--keep-personal-data")
    assert len(shown) == len(expected)
    assert sorted(map(str, shown)) == sorted(map(str, expected))


def test_nobody_is_named_in_a_list(service: Sandbox, tmp_path: Path) -> None:
    shown = got(service, tmp_path, "orders")
    assert len(shown) == len(walk(service, "orders"))
    for order in shown:
        for part in (order["recipient"], order["place"]):
            assert all("***" in part[name] for name in PERSONAL if part.get(name)), order["id"]
        assert not PERSONAL_VALUE.search(order["handled_by"])


def test_an_empty_list_is_an_empty_list(service: Sandbox, tmp_path: Path) -> None:
    assert got(service, tmp_path, "items", "--external-name", "no such") == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["orders", 99999999], 1, "orders, id 99999999: status 404"),
        (["inventory", 99999999, "--start", "2026-03-01", "--end", "2026-03-02"], 1, "of item 99999999"),
        (["items", "--start", "2026-03-01"], 2, "items: there is no filter --start"),
        (["orders", 1, "--external-name", "a"], 2, "orders by id: there is no filter --external-name"),
        (["inventory"], 2, "requires --start and --end"),
        (["payment_items", "--start", "1 March"], 2, "--start '1 March' is not a day"),
        (["orders", "--updated-at-end", "now"], 2, "--updated-at-end 'now' is neither"),
        (["parcels"], 2, "'parcels' is no resource"),
        (["orders", "first"], 2, "Invalid value for '[ID]'"),
    ],
)
def test_what_cannot_be_got_is_one_line(
    service: Sandbox, tmp_path: Path, words: list[object], code: int, says: str
) -> None:
    told = logentic("get", *words, cwd=tmp_path, **access(service))
    assert (told.returncode, told.stdout) == (code, "")
    assert told.stderr.count("\n") == 1
    assert says in told.stderr
