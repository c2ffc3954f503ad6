"""The allow-list: in orders, their lines and events only measures that look like measures stay in clear."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from json_pages import page_of

from logentic.api.records import Mask
from logentic.events.event import EventParser
from logentic.extra_columns import column_name
from logentic.extract.parsing import read_rows
from logentic.privacy import measures
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import ITEMS, ORDERS
from logentic.settings import Settings

HASHES = Pseudonymizer(b"key")
PERSONAL: dict[str, Any] = {
    "mobile": "514 555 0101",
    "cell": 5145550101,
    "zip": "H2X 1Y4",
    "street1": "1 rue X",
    "customer": {"first": "Marie", "last": "Curie"},
    "consignee": "Marie Curie",
    "company": "Curie SARL",
    "ip": "10.1.2.3",
    "iban": "CA12 3456",
    "gift_message": "Bonne fete, Marie",
    "delivery_instructions": "Ring at Curie",
    "signed_by": "M. Curie",
    "shipping": {"to": {"line1": "1 rue X"}},
    "people": {"Marie Curie": 1, "marie_curie": {"5145550101": "yes"}},
    "tags": ["Marie Curie", ["Pierre"]],
    "tracking_number": "1Z999AA10123456784",
    "trackingNumber": 123456789012,
    "customer_id": 77,
    "latitude": 45.5,
    "date_of_birth": "1867-11-07",
    "carrier_name": "Marie Express",
    "access_code": "4711",
    "weight": "marie@x.ca",
    "amount": 5145550101,
    "status": "Left with Marie Curie",
    "order_status": "5145550101",
    "carrier": "1Z999AA10123456784",
    "shipped_at": "when Marie called",
    "total": "514-555-0101",
    "value": 5145550101,
    "is_gift_for": "Marie",
    "count": {"Marie": "Curie"},
    "unit": "3, rue X",
}
CLEAR: dict[str, Any] = {
    "total_weight": 12.5,
    "weightKg": "12.50",
    "weight_unit": "kg",
    "packageCount": 3,
    "number_of_cartons": 2,
    "length_in": 10,
    "cubicFeet": None,
    "insured_value": 100,
    "shipping_cost": "9.99",
    "total_price": -5,
    "tax1": 0,
    "currency": "CAD",
    "shippedAt": "2026-03-01T05:00:00Z",
    "ship_date": "2026-03-01",
    "date": "2026-03-01 05:00:00.000000",
    "fulfillment_status": "partially_shipped",
    "status_code": 3,
    "carrier": "canada-post",
    "carrier_service": "Expedited",
    "service_code": "DOM.EP".replace(".", "_"),
    "is_gift": True,
    "note": None,
    "comment": "",
}


def loaded(**fields: Any) -> dict[str, Any]:
    rows = read_rows(ORDERS, [page_of({"id": 1, **fields, "stored_items": [fields]})], HASHES, "orders")
    assert rows.lines is not None
    (record,), (line,) = rows.records.to_pylist(), rows.lines.to_pylist()
    for name in set(line) - {"order_id", "line_number", "item_id", "shopify_variant_id", "quantity", "_seen_at"}:
        assert line[name] == record[name] or name in ORDERS.columns, "lines follow the same rule"
    return record


@pytest.mark.parametrize("name", [name for name in PERSONAL if name not in ORDERS.columns])
def test_what_is_no_measure_is_pseudonymized(name: str) -> None:
    record = loaded(**{name: PERSONAL[name]})
    (text,) = (record[column] for column in set(record) - set(ORDERS.schema().names))
    values = json.dumps(PERSONAL[name], ensure_ascii=False)
    for clear in ("Marie", "marie", "Curie", "Pierre", "rue X", "514", "1Z999", "H2X", "10.1", "4711", "1867", "45.5"):
        assert clear not in text or clear not in values
    if not isinstance(PERSONAL[name], dict | list):
        assert text == HASHES.pseudonym(str(PERSONAL[name]))


@pytest.mark.parametrize("name", CLEAR)
def test_a_measure_stays_as_it_is(name: str) -> None:
    record = loaded(**{name: CLEAR[name]})
    for column in set(record) - set(ORDERS.schema().names):
        value = CLEAR[name]
        text = value if value is None or isinstance(value, str) else json.dumps(value)
        assert record[column] == text


def test_measures_within_unknown_objects_stay_and_names_of_fields_do() -> None:
    packages = [{"weight": 1.5, "trackingNumber": "1Z9", "items": {"sku": "M-1", "Marie": {"status": "ok"}}}]
    assert json.loads(loaded(packages=packages)["packages"]) == [
        {
            "weight": 1.5,
            "trackingNumber": HASHES.pseudonym("1Z9"),
            "items": {"sku": HASHES.pseudonym("M-1"), HASHES.pseudonym("Marie"): {"status": "ok"}},
        }
    ]


def test_the_two_lists_of_fields_outweigh_the_allow_list() -> None:
    chosen = Pseudonymizer(
        b"key", hash_fields=["total_weight", "packages.status"], plain_fields=["company", "timeZone", "people", "x.cc"]
    )
    order = {
        "id": 1,
        "total_weight": 1.5,
        "company": "Curie SARL",
        "timeZone": "EST",
        "people": {"Marie Curie": "x"},
        "packages": {"status": "ok", "weight": 1},
        "x": {"cc": "Marie", "to": "Marie"},
    }
    (record,) = read_rows(ORDERS, [page_of(order)], chosen, "orders").records.to_pylist()
    assert record["total_weight"] == chosen.pseudonym("1.5")
    assert (record["company"], record["time_zone"]) == ("Curie SARL", "EST")
    assert record["people"] == '{"Marie Curie":"x"}'
    assert record["packages"] == f'{{"status":"{chosen.pseudonym("ok")}","weight":1}}'
    assert record["x"] == f'{{"cc":"Marie","to":"{chosen.pseudonym("Marie")}"}}'
    by_column = Pseudonymizer(b"key", plain_fields=["time_zone"])
    (record,) = read_rows(ORDERS, [page_of(order)], by_column, "orders").records.to_pylist()
    assert record["time_zone"] == "EST", "a field may be named as its column is"


def test_other_resources_keep_their_rule() -> None:
    fields = {"id": 1, "channel": "web", "lot": {"Marie": "L-1"}, "contact": "Marie"}
    (record,) = read_rows(ITEMS, [page_of(fields)], HASHES, "items").records.to_pylist()
    assert (record["channel"], record["lot"]) == ("web", '{"Marie":"L-1"}')
    assert record["contact"] == HASHES.pseudonym("Marie")


def test_a_second_pass_over_what_is_stored_changes_nothing() -> None:
    record = loaded(**{name: value for name, value in (PERSONAL | CLEAR).items() if name not in ORDERS.columns})
    for name in set(record) - set(ORDERS.schema().names) - {"_more_fields"}:
        assert HASHES.pseudonymize_text(name, record[name], again=True) == record[name]


def test_an_event_keeps_what_the_reference_names_and_measures() -> None:
    order = {
        "id": 19015,
        "order_type": "standard",
        "status": "PICKED",
        "warehouse_id": 2,
        "shopify_order_id": "5551234567890",
        "updated_at": "2026-03-01T05:00:00Z",
        "place": {"city": "Montréal", "address1": "1 rue X", "country_code": "CA"},
        "recipient": {"name": "Marie Curie"},
        "stored_items": [{"item_id": 5, "quantity": 2, "Marie Curie": "x"}],
    }
    for body in (order, {"data": order}, {"order": order}):
        written = json.dumps({**body, **PERSONAL, "status": "PICKED"}).encode()
        event = EventParser(HASHES).parse("0" * 32, {}, written, datetime.now(UTC))
        kept = json.loads(event.body)
        kept = kept.get("data") or kept.get("order") or kept
        for name in ("id", "order_type", "status", "warehouse_id", "shopify_order_id", "updated_at"):
            assert kept[name] == order[name]
        assert kept["place"]["city"] == "Montréal"
        assert kept["stored_items"][0]["item_id"] == 5
        assert event.order_id == 19015
        for clear in ("Marie", "Curie", "rue X", "5145550101", "1Z999"):
            assert clear not in event.body
    odd = EventParser(HASHES).parse(
        "0" * 32, {}, b'{"id": "Marie", "place": {"city": {"Marie": 1}}}', datetime.now(UTC)
    )
    assert "Marie" not in odd.body
    broken = EventParser(HASHES).parse(
        "0" * 32, {}, b'{"id": 5, "signed_by": "a\\ud800", "status": "\\ud800"}', datetime.now(UTC)
    )
    assert broken.order_id == 5


def test_get_masks_by_the_same_rule() -> None:
    mask = Mask(Settings(plain_fields=["channel"]))
    order = {
        "id": 1,
        "warehouse_id": "Marie Curie",
        "status": {"Marie": 1},
        "created_at": 5145550101,
        "channel": "web",
        **{name: value for name, value in PERSONAL.items() if name not in ORDERS.columns},
        "Marie Curie": 1,
        "total_weight": 1.5,
        "recipient": {"name": ["Marie"], "Marie Curie": 1},
        "place": "1 rue X",
        "stored_items": {"0": {"item_id": "Marie", "quantity": 2, "engraving": "Marie"}, "1": "Marie Curie"},
    }
    shown = mask.record(ORDERS, order)
    text = json.dumps(shown, ensure_ascii=False)
    for clear in ("Marie", "marie", "Curie", "rue X", "5145550101", "514 555", "1Z999", "H2X"):
        assert clear not in text
    assert (shown["id"], shown["channel"], shown["total_weight"]) == (1, "web", 1.5)
    assert shown["people"] == {"***2": "***", "***3": {"***4": "***"}}
    assert shown["stored_items"][0] == {"item_id": "***", "quantity": 2, "engraving": "***"}
    assert mask.record(ORDERS, "Marie Curie") == "***"


def test_the_documented_words_are_those_of_the_list() -> None:
    section = (Path(__file__).parents[3] / "docs" / "personal-data.md").read_text("utf-8")
    documented = set(section.replace("`", " ").replace(",", " ").replace(".", " ").split())
    words = measures.NUMBER_WORDS | measures.CODE_WORDS | measures.DATE_WORDS | measures.VALUED
    words |= measures.UNITS | measures.QUALIFIERS | measures.DATE_QUALIFIERS
    words |= measures.PEOPLE_AND_PLACES | measures.SENTENCE_WORDS | measures.CODE_VALUES | measures.UNIT_VALUES
    assert words <= documented
    assert {name for name in measures.CARRIER_NAMES if f"`{name}`" not in " ".join(section.split())} == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("place.unit", "PH-2"),
        ("place__lines", 2),
        ("customer.date", "1867-11-07"),
        ("shipping.to.weight", 4),
        ("package_status", "left-at-12-rue-X"),
        ("delivery_status", "Left_with_Marie_Curie"),
        ("carrier", "call-514-555-0101"),
        ("payment_method", "visa-4242-4242-4242"),
        ("order_status", "TBA-123456-789012"),
        ("unit", "Apt-12"),
        ("delivery_unit", "12"),
        ("service", "Marie"),
        ("service", "marie"),
        ("service", "marie_curie"),
        ("status", "JEAN_TREMBLAY"),
        ("status", "shipped_marie"),
        ("status", "marie2"),
        ("status", "Left Marie"),
        ("status", "ON HOLD LEA"),
        ("carrier", "Nova"),
        ("carrier", "Nova Marie"),
        ("carrier", "marie-nova-poshta"),
        ("delivery_status", "Delivered 514 555 0101"),
        ("carrier", "MARIE"),
        ("delivery_status", "Curie-Marie"),
        ("delivery_status", "curie/marie"),
        ("method", "Marie_Curie"),
        ("payment_method", "Marie2"),
        ("currency", "LEA"),
        ("weight_unit", "Marie"),
        ("unit", "Lea2"),
        ("people.price.value", 12),
        ("value", 12),
        ("parcel.value", 12),
    ],
)
def test_what_belongs_to_a_person_or_reads_as_a_sentence_is_no_measure(name: str, value: object) -> None:
    assert not measures.is_measure(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "ON_HOLD"),
        ("status", "left_warehouse"),
        ("status", "Backordered"),
        ("status", "Label Created"),
        ("status", "Out for Delivery"),
        ("status", "OUT_FOR_DELIVERY"),
        ("service", "dom_ep"),
        ("service", "DOM_XP_2"),
        ("carrier", "Freightcom"),
        ("carrier", "Nova Poshta"),
        ("carrier", "nova_poshta"),
        ("carrier", "NovaPoshta"),
        ("service", "Blue-Dart-Express"),
        ("service", "Canada Post Expedited"),
        ("service", "FedEx-2Day"),
        ("carrier", "Canada-Post"),
        ("carrier", "UPS"),
        ("method", "credit_card"),
        ("currency", "CAD"),
        ("weight_unit", "KG"),
        ("volume_unit", "m3"),
        ("gross_weight.value", 12),
        ("gross_weight.unit", "kg"),
        ("packages.length__value", "1.5"),
    ],
)
def test_a_code_or_a_value_with_its_unit_is_a_measure(name: str, value: object) -> None:
    assert measures.is_measure(name, value)


def test_a_value_with_its_unit_stays_and_the_keys_of_a_person_do_not() -> None:
    weight = {"value": 12, "unit": "kg"}
    people = {"Price": 1, "price": 2, "Phone": "x", "phone": "y", "Marie": {"price": weight}}
    record = loaded(gross_weight=weight, people=people, packages={"Price": 1, "price": 2})
    assert json.loads(record["gross_weight"]) == weight
    assert json.loads(record["packages"]) == {HASHES.pseudonym("Price"): 1, "price": 2}
    shown = json.loads(record["people"])
    assert list(shown) == [*map(HASHES.pseudonym, ("Price", "price", "Phone")), "phone", HASHES.pseudonym("Marie")]
    assert "price" not in str(shown)
    assert "kg" not in str(shown)
    body = json.dumps({"people": people, "service": "Marie"}).encode()
    event = EventParser(HASHES).parse("c", {}, body, datetime.now(UTC))
    assert not any(name in event.body for name in ("Price", "price", "Marie"))


@pytest.mark.parametrize(
    "name", ["Marie", "Marie-Curie", "marie-curie", "Marie_Curie", "MARIE", "marie curie", "m" * 41]
)
def test_a_name_that_is_not_written_as_that_of_a_field_is_no_column(name: str) -> None:
    record = loaded(**{name: True})
    assert set(record) - set(ORDERS.schema().names) == {"_more_fields"}
    assert list(json.loads(record["_more_fields"])) == [HASHES.pseudonym(name)]
    assert list(Mask(Settings()).record(ORDERS, {name: True})) == ["***1"]


@pytest.mark.parametrize("name", ["is_gift", "isGift", "m" * 40, "_links"])
def test_a_name_that_is_written_as_that_of_a_field_is_a_column(name: str) -> None:
    assert set(loaded(**{name: True})) - set(ORDERS.schema().names) == {column_name(name)}


@pytest.mark.parametrize("name", ["marie", "marie_curie", "n5145550101", "phone_514_555_0101"])
def test_a_name_within_a_record_is_shown_by_no_command_and_kept_by_no_event(name: str) -> None:
    order = {"id": 1, "recipient": {"name": "x", name: 2, "fax": 3}, "place": {name: True}}
    shown = Mask(Settings(api_token="t")).record(ORDERS, order)
    assert shown == {"id": 1, "recipient": {"name": "***", "***1": "***", "fax": "***"}, "place": {"***2": True}}
    event = EventParser(HASHES).parse("c", {}, json.dumps(order).encode(), datetime.now(UTC))
    assert name not in event.body
    assert '"fax"' in event.body
