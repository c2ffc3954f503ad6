"""Values that cannot be read: null and recorded, while every other row and value is loaded."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from json_pages import AS_IT_IS, NOON, page_of

from logentic.api.pagination import Page
from logentic.extract.parsing import (
    NO_KEY,
    REPLACED,
    TOO_DEEP,
    ParseRules,
    Rows,
    _read_fast,
    concatenated,
    merge_batches,
    read_fallback,
    read_rows,
    row_keys,
)
from logentic.json_text import compact
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import (
    DAY,
    INVENTORY_HISTORY,
    ITEM_QUANTITIES,
    ITEMS,
    MOMENT,
    ORDERS,
    PAYMENT_ITEMS,
    REJECTED_VALUES,
    RESOURCES,
    TEXT,
    Resource,
)

TORONTO = ZoneInfo("America/Toronto")
ZERO_DATES = [
    "",
    "   ",
    "0000-00-00",
    "0000-00-00 00:00:00",
    "0000-00-00T00:00:00Z",
    "-0001-11-30",
    "-0001-11-30T00:00:00Z",
    "-0001-11-30T00:00:00.000000Z",
    "-0001-11-30 00:00:00",
    "-0001-11-29T18:42:28-05:17",
]


def read(resource: Resource, *rows: str | bytes, zone: Any = UTC, pseudonyms: Pseudonymizer = AS_IT_IS) -> Rows:
    """Rows as JSON, or bytes that are nearly JSON."""
    body = b",".join(row if isinstance(row, bytes) else row.encode() for row in rows)
    page = Page(b'{"data":[' + body + b"]}", len(rows), len(rows), max(len(rows), 1), 1, None, NOON)
    return read_rows(resource, [page], pseudonyms, resource.name, ParseRules(zone))


def entries(rows: Rows) -> list[tuple[str, str, str, str]]:
    if rows.rejected is None:
        return []
    assert rows.rejected.schema.equals(REJECTED_VALUES)
    found = rows.rejected.to_pylist()
    assert all(len(row["text"]) <= 100 for row in found)
    assert {(row["_is_removed"], row["_seen_at"]) for row in found} == {(False, NOON)}
    return [(row["key"], row["field"], row["text"], row["reason"]) for row in found]


COLUMNS = [
    (resource, name)
    for resource in RESOURCES.values()
    for name, kind in resource.columns.items()
    if kind != TEXT and name not in resource.key
]


@pytest.mark.parametrize(("resource", "name"), COLUMNS, ids=[f"{one.name}.{name}" for one, name in COLUMNS])
@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_text_is_null_in_every_column_but_a_text(resource: Resource, name: str, value: str) -> None:
    key = {"id": 1, "date": "2026-03-04", "updated_at": "2026-03-04T00:00:00Z"}
    rows = read(resource, json.dumps({**{part: key[part] for part in resource.key if part in key}, name: value}))
    assert rows.records[name].to_pylist() == [None]
    assert rows.rejected is None


@pytest.mark.parametrize("value", ZERO_DATES)
@pytest.mark.parametrize("name", ["billed_date", "start", "created_at"])
def test_a_zero_date_is_null(name: str, value: str) -> None:
    rows = read(PAYMENT_ITEMS, json.dumps({"id": 1, name: value}), '{"id":2}')
    assert rows.records[name].to_pylist() == [None, None]
    assert rows.rejected is None


DAYS = {
    "midnight in the account's zone": ("2026-03-04T05:00:00Z", TORONTO, date(2026, 3, 4)),
    "with microseconds": ("2026-03-04T05:00:00.000000Z", TORONTO, date(2026, 3, 4)),
    "without a zone, which is UTC": ("2026-03-04 05:00:00", TORONTO, date(2026, 3, 4)),
    "in summer": ("2026-07-04T04:00:00Z", TORONTO, date(2026, 7, 4)),
    "an hour late in summer": ("2026-07-04T05:00:00Z", TORONTO, None),
    "the day on which clocks go forward": ("2026-03-08T05:00:00Z", TORONTO, date(2026, 3, 8)),
    "the day after": ("2026-03-09T04:00:00Z", TORONTO, date(2026, 3, 9)),
    "UTC midnight": ("2026-03-04T00:00:00Z", TORONTO, date(2026, 3, 4)),
    "UTC midnight, far east": ("2026-03-04T00:00:00Z", ZoneInfo("Pacific/Auckland"), date(2026, 3, 4)),
    "local midnight, far east": ("2026-03-03T11:00:00Z", ZoneInfo("Pacific/Auckland"), date(2026, 3, 4)),
    "midnight on the clock as written": ("2026-03-04T00:00:00-05:00", UTC, date(2026, 3, 4)),
    "local midnight with an offset of another zone": ("2026-03-04T06:00:00+01:00", TORONTO, date(2026, 3, 4)),
    "half an hour": ("2026-03-03T18:30:00Z", ZoneInfo("Asia/Kolkata"), date(2026, 3, 4)),
    "a day that begins at one o'clock": ("2026-04-23T22:00:00Z", ZoneInfo("Africa/Cairo"), date(2026, 4, 24)),
    "a midnight that comes twice": ("2026-11-01T05:00:00Z", ZoneInfo("America/Havana"), date(2026, 11, 1)),
    "another time of day": ("2026-03-04T12:34:56Z", TORONTO, None),
    "the end of a day": ("2026-03-04T23:59:59Z", UTC, None),
    "local midnight of another zone": ("2026-03-04T05:00:00Z", UTC, None),
    "a day": ("2026-03-04", TORONTO, date(2026, 3, 4)),
    "a day of blanks around": (" 2026-03-04 ", TORONTO, date(2026, 3, 4)),
}


@pytest.mark.parametrize(("written", "zone", "day"), DAYS.values(), ids=DAYS)
def test_a_day_may_be_written_as_the_moment_at_which_it_begins(written: str, zone: Any, day: date | None) -> None:
    rows = read(PAYMENT_ITEMS, json.dumps({"id": 1, "billed_date": written}), '{"id":2,"billed_date":"x"}', zone=zone)
    assert rows.records["billed_date"].to_pylist() == [day, None]
    said = [("2", "billed_date", '"x"', "not a time")]
    if day is None:
        said.insert(0, ("1", "billed_date", json.dumps(written), "a time that begins no day"))
    assert entries(rows) == said


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("5.551115123125783e-17", "0.000000000000000055511151"),
        ("-5.551115123125783e-17", "-0.000000000000000055511151"),
        ("0.0000000000000000000000005", "0"),  # a half, to even
        ("0.0000000000000000000000015", "0.000000000000000000000002"),
        ("1e-999999999", "0"),
        ("1e-99999999999999999999999", None),
        ("0e999999999", "0"),
        ("12345678901234.5", "12345678901234.5"),
        ("99999999999999.9999999999999999999999999", None),  # rounds to one digit too many
        ("123456789012345", None),
        ("1e999999999", None),
        ("-1e999999999", None),
        ("1e99999999999999999999999", None),
        ("9" * 5000, None),
        ("1." + "0" * 5000, "1"),
        ("0." + "0" * 100_000, "0"),
    ],
    ids=lambda text: (text or "rejected")[:30],
)
@pytest.mark.parametrize("quote", ["{}", '"{}"'], ids=["plain", "quoted"])
def test_a_number_is_rounded_at_24_decimals_or_rejected(written: str, kept: str | None, quote: str) -> None:
    rows = read(PAYMENT_ITEMS, f'{{"id":1,"amount":{quote.format(written)}}}', '{"id":2,"amount":1}')
    assert rows.records["amount"].to_pylist() == [kept and Decimal(kept), Decimal(1)]
    assert [(key, name) for key, name, _, _ in entries(rows)] == ([] if kept else [("1", "amount")])


REJECTED: dict[str, tuple[Resource, str, str, str]] = {
    "a whole number too large to be made": (ITEMS, "back_order_limit", "1e999999999", "too large for 64 bits"),
    "a whole number beyond all exponents": (
        ITEMS,
        "back_order_limit",
        "1e99999999999999999999",
        "the exponent is too large",
    ),
    "a whole number of 5,000 digits": (ITEMS, "back_order_limit", "9" * 5000, "too large for 64 bits"),
    "2^63": (ITEMS, "back_order_limit", "9223372036854775808", "too large for 64 bits"),
    "-2^63 - 1": (ITEMS, "back_order_limit", "-9223372036854775809", "too large for 64 bits"),
    "a fraction for a whole number": (ITEMS, "back_order_limit", "1.5", "not a whole number"),
    "a tiny fraction for a whole number": (ITEMS, "back_order_limit", "1e-999999999", "not a whole number"),
    "a truth for a whole number": (ITEMS, "back_order_limit", "true", "not a number"),
    "NaN for a whole number": (ITEMS, "back_order_limit", "NaN", "not a finite number"),
    "NaN": (PAYMENT_ITEMS, "amount", "NaN", "not a finite number"),
    "infinity": (PAYMENT_ITEMS, "amount", "Infinity", "not a finite number"),
    "minus infinity": (PAYMENT_ITEMS, "amount", "-Infinity", "not a finite number"),
    "NaN in quotes": (PAYMENT_ITEMS, "amount", '"NaN"', "not a number"),
    "a truth for a number": (PAYMENT_ITEMS, "amount", "true", "not a number"),
    "a text for a number": (PAYMENT_ITEMS, "amount", '"12 CAD"', "not a number"),
    "a number with separators": (PAYMENT_ITEMS, "amount", '"1_000"', "not a number"),
    "a number with a comma": (PAYMENT_ITEMS, "amount", '"1,5"', "not a number"),
    "digits of another script": (PAYMENT_ITEMS, "amount", '"\\u0661"', "not a number"),
    "a list for a number": (PAYMENT_ITEMS, "amount", "[1]", "not a number"),
    "an object for a number": (PAYMENT_ITEMS, "amount", '{"value":1}', "not a number"),
    "a number for a time": (PAYMENT_ITEMS, "created_at", "1700000000", "not a time"),
    "a time after all time": (PAYMENT_ITEMS, "created_at", '"9999-12-31T23:59:59-05:00"', "not a time"),
    "a time before all time": (PAYMENT_ITEMS, "created_at", '"0001-01-01T00:00:00+05:00"', "not a time"),
    "a month that no year has": (PAYMENT_ITEMS, "created_at", '"2026-13-01"', "not a time"),
    "a truth for a day": (PAYMENT_ITEMS, "start", "true", "not a time"),
    "a day that no month has": (PAYMENT_ITEMS, "start", '"2026-02-30"', "not a time"),
    "a number for a truth": (ITEMS, "is_prepackaged", "2", "not true or false"),
    "a text for a truth": (ITEMS, "is_prepackaged", '"perhaps"', "not true or false"),
    "an object for a text": (ITEMS, "name", '{"en":"Mug"}', "not a text"),
    "a list for a text": (ITEMS, "name", '["Mug"]', "not a text"),
    "a truth for a text": (ITEMS, "name", "true", "not a text"),
    "NaN for a text": (ITEMS, "name", "NaN", "not a text"),
    "900 levels for a text": (ITEMS, "name", "[" * 900 + "]" * 900, "not a text"),
    "100,000 levels for a number": (ITEMS, "weight", '{"a":' * 100_000 + "1" + "}" * 100_000, "not a number"),
    "a list for a nested record": (ORDERS, "place", "[1]", "not an object"),
    "a number for a nested record": (ORDERS, "recipient", "5", "not an object"),
    "a truth for the lines": (ORDERS, "stored_items", "true", "not a list"),
    "an object for the lines": (ORDERS, "stored_items", '{"item_id":5}', "not a list"),
}


@pytest.mark.parametrize(("resource", "name", "written", "reason"), REJECTED.values(), ids=REJECTED)
def test_a_value_that_cannot_be_read_is_null_and_recorded(
    resource: Resource, name: str, written: str, reason: str
) -> None:
    rows = read(resource, '{"id":7}', f'{{"id":8,"{name}":{written}}}', '{"id":9}')
    assert rows.records["id"].to_pylist() == [7, 8, 9]
    assert rows.read == 3
    if name in rows.records.column_names:
        assert rows.records[name].to_pylist() == [None] * 3
    ((key, field, text, said),) = entries(rows)
    assert (key, field, said) == ("8", name, reason)
    assert text


NO_ROWS: dict[str, tuple[Resource, str]] = {
    "null": (ITEMS, "null"),
    "a text": (ITEMS, '"Marie Curie"'),
    "a list": (ITEMS, '["Marie Curie"]'),
    "a number": (ITEMS, "5145550101"),
    "no key": (ORDERS, '{"recipient":{"name":"Marie Curie"}}'),
    "a null key": (ORDERS, '{"id":null,"recipient":{"name":"Marie Curie"}}'),
    "an empty key": (ORDERS, '{"id":"","x":"Marie Curie"}'),
    "a key that is a text": (ORDERS, '{"id":"Marie Curie"}'),
    "a key that is NaN": (ORDERS, '{"id":NaN,"a":"Marie Curie"}'),
    "a key that is huge": (ORDERS, '{"id":1e999999999,"a":{"Marie Curie":"Marie Curie"}}'),
    "a key that is an object": (ORDERS, '{"id":{"Marie Curie":1}}'),
    "no day": (INVENTORY_HISTORY, '{"id":1}'),
    "a zero date as a day": (INVENTORY_HISTORY, '{"id":1,"date":"0000-00-00"}'),
    "a warehouse that is a text": (INVENTORY_HISTORY, '{"id":1,"date":"2026-03-04","warehouse_id":"Marie Curie"}'),
    "no time in the key": (ITEM_QUANTITIES, '{"id":1,"updated_at":"soon"}'),
    "900 levels": (ITEMS, "[" * 900 + "]" * 900),
    "100,000 levels": (ITEMS, "[" * 100_000 + "]" * 100_000),
}


@pytest.mark.parametrize(("resource", "row"), NO_ROWS.values(), ids=NO_ROWS)
def test_a_row_without_a_readable_key_is_recorded_and_the_others_are_loaded(resource: Resource, row: str) -> None:
    hashes = Pseudonymizer(b"key")
    good = '{"id":7,"date":"2026-03-04","updated_at":"2026-03-04T00:00:00Z"}'
    rows = read(resource, good, row, row, pseudonyms=hashes)
    assert rows.records["id"].to_pylist() == [7]
    assert rows.read == 3
    ((key, field, text, reason),) = entries(rows)
    assert key.startswith(NO_KEY)
    assert len(key) == len(NO_KEY) + 32
    assert (field, bool(reason)) == ("", True)
    assert "Curie" not in text
    assert "514" not in text
    again = read(resource, row, good, pseudonyms=hashes)
    assert entries(again)[0][0] == key, "the same row has the same key"
    assert entries(read(resource, row, pseudonyms=Pseudonymizer(b"other")))[0][0] != key


def test_a_line_that_cannot_be_read_keeps_its_order_and_the_other_lines() -> None:
    lines = '[{"item_id":5,"quantity":1},null,"x",{"item_id":6,"quantity":"many"},[],{"item_id":7,"quantity":3}]'
    rows = read(ORDERS, f'{{"id":1,"status":"PICKED","stored_items":{lines}}}', '{"id":2,"stored_items":[{}]}')
    assert rows.lines is not None
    assert rows.records["status"].to_pylist() == ["PICKED", None]
    found = [(row["order_id"], row["line_number"], row["item_id"], row["quantity"]) for row in rows.lines.to_pylist()]
    assert found == [
        (1, 1, 5, Decimal(1)),
        (1, 4, 6, None),
        (1, 5, None, None),
        (1, 6, 7, Decimal(3)),
        (2, 1, None, None),
    ]
    assert entries(rows) == [
        ("1", "stored_items.2", "null", "the line is not an object"),
        ("1", "stored_items.3", '"x"', "the line is not an object"),
        ("1", "stored_items.4.quantity", '"many"', "not a number"),
    ]


@pytest.mark.parametrize("lines", ["null", '""', "[]", "{}"])
def test_no_lines_may_be_written_in_several_ways(lines: str) -> None:
    rows = read(ORDERS, f'{{"id":1,"channel":"x","stored_items":{lines}}}')
    assert rows.lines is not None
    assert len(rows.lines) == 0
    assert rows.rejected is None


def test_a_list_may_be_an_object_with_numeric_keys() -> None:
    order = '{"id":1,"stored_items":{"0":{"item_id":5},"2":{"item_id":6}}}'
    page = Page(b'{"data":{"3":' + order.encode() + b',"1":{"id":2}}}', 2, 2, 2, 1, None, NOON)
    rows = read_rows(ORDERS, [page], AS_IT_IS, "orders")
    assert rows.lines is not None
    assert rows.records["id"].to_pylist() == [1, 2]
    assert rows.lines["item_id"].to_pylist() == [5, 6]
    assert rows.rejected is None


def test_a_line_may_name_its_order_itself() -> None:
    """As Laravel does; a field of the service must not take the place of a column of ours."""
    rows = read(ORDERS, '{"id":1,"stored_items":[{"item_id":5,"order_id":"77","line_number":9}]}')
    assert rows.lines is not None
    (line,) = rows.lines.to_pylist()
    assert (line["order_id"], line["line_number"], line["order_id_2"], line["line_number_2"]) == (1, 1, "77", "9")


BROKEN_TEXTS = {
    "a byte of Latin-1": (b'"caf\xe9"', "caf\ufffd"),
    "a character cut short": (b'"caf\xe2\x82"', "caf\ufffd\ufffd"),
    "a surrogate in UTF-8": (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
    "a high surrogate": (b'"a\\ud800b"', "a\ufffdb"),
    "a low surrogate": (b'"a\\udc00b"', "a\ufffdb"),
    "the wrong way around": (b'"\\udc00\\ud800"', "\ufffd\ufffd"),
}


@pytest.mark.parametrize(("written", "kept"), BROKEN_TEXTS.values(), ids=BROKEN_TEXTS)
@pytest.mark.parametrize("field", ["name", "lotNumber", "extra"])
def test_invalid_text_is_replaced_loaded_and_recorded(field: str, written: bytes, kept: str) -> None:
    value = b'{"a":[' + written + b"]}" if field == "extra" else written
    rows = read(ITEMS, '{"id":1,"name":"\\ud83d\\ude00"}', b'{"id":2,"' + field.encode() + b'":' + value + b"}")
    column = "lot_number" if field == "lotNumber" else field
    shown = f'{{"a":["{kept}"]}}' if field == "extra" else kept
    assert rows.records[column].to_pylist()[1] == shown
    assert rows.records["name"].to_pylist()[0] == "😀"
    ((key, name, text, reason),) = entries(rows)
    assert (key, name, reason) == ("2", column, REPLACED)
    assert kept in text
    rows.records.validate(full=True)


@pytest.mark.parametrize("written", [b'"a\0b"', b'"a\\u0000b"'])
@pytest.mark.parametrize("field", ["name", "lotNumber", "extra"])
@pytest.mark.parametrize("holds_nul", [True, False])
def test_a_nul_is_replaced_and_recorded_where_the_destination_cannot_store_it(
    field: str, written: bytes, holds_nul: bool
) -> None:
    value = b'{"a":[' + written + b"]}" if field == "extra" else written
    page = Page(b'{"data":[{"id":2,"' + field.encode() + b'":' + value + b"}]}", 1, 1, 1, 1, None, NOON)
    rows = read_rows(ITEMS, [page], AS_IT_IS, "items", ParseRules(holds_nul=holds_nul))
    column = "lot_number" if field == "lotNumber" else field
    kept = "a\0b" if holds_nul else "a\ufffdb"
    shown = compact({"a": [kept]}) if field == "extra" else kept
    assert rows.records[column].to_pylist() == [shown]
    assert [(key, name, reason) for key, name, _, reason in entries(rows)] == (
        [] if holds_nul else [("2", column, REPLACED)]
    )


def test_invalid_text_in_a_number_or_a_name_is_harmless() -> None:
    rows = read(ITEMS, b'{"id":1,"weight":"1\xe9","we\xe9ird":"x"}', b'{"id":2,"name":"a\x01b"}')
    assert rows.records["we_ird"].to_pylist() == ["x", None]
    assert rows.records["name"].to_pylist() == [None, "a\x01b"]
    assert entries(rows) == [("1", "weight", '"1\ufffd"', "not a number")]


def test_of_a_repeated_name_the_last_value_counts() -> None:
    for more in ("", ',"channel":"x"'):
        rows = read(PAYMENT_ITEMS, f'{{"id":9,"id":1,"amount":"x","amount":2{more}}}')
        assert rows.records.select(["id", "amount"]).to_pylist() == [{"id": 1, "amount": Decimal(2)}]
        assert rows.rejected is None


@pytest.mark.parametrize("levels", [100, 101, 900, 50_000])
@pytest.mark.parametrize("pair", [("[", "]"), ('{"a":', "}")])
def test_an_unknown_value_of_more_than_100_levels_is_rejected(levels: int, pair: tuple[str, str]) -> None:
    value = pair[0] * levels + "1" + pair[1] * levels
    for resource in (ITEMS, ORDERS):
        rows = read(resource, '{"id":1,"extra":"x"}', f'{{"id":2,"extra":{value}}}', pseudonyms=Pseudonymizer(b"key"))
        assert rows.records["id"].to_pylist() == [1, 2]
        deep = rows.records["extra"].to_pylist()[1]
        assert (deep is None) == (levels > 100)
        assert [(key, name, reason) for key, name, _, reason in entries(rows)] == (
            [("2", "extra", TOO_DEEP)] if levels > 100 else []
        )


def test_a_personal_value_that_cannot_be_read_is_not_shown() -> None:
    hashes = Pseudonymizer(b"key")
    marie, mail = hashes.pseudonym("Marie Curie"), hashes.pseudonym("marie@x.ca")
    rows = read(
        ORDERS,
        '{"id":1,"recipient":{"name":["Marie Curie"],"phone":true},"warehouse_id":"Marie Curie","place":"Marie Curie"}',
        '{"id":2,"stored_items":[{"item_id":"marie@x.ca"}, "Marie Curie"],"status":{"Marie Curie":"Marie Curie"}}',
        '{"id":3,"warehouse_id":1.5,"created_at":"2026-13-01"}',
        pseudonyms=hashes,
    )
    assert {(key, name): text for key, name, text, _ in entries(rows)} == {
        ("1", "recipient__name"): f'["{marie}"]',
        ("1", "recipient__phone"): f'"{hashes.pseudonym("True")}"',
        ("1", "warehouse_id"): f'"{marie}"',
        ("1", "place"): f'"{marie}"',
        ("2", "stored_items.1.item_id"): f'"{mail}"',
        ("2", "stored_items.2"): f'"{marie}"',
        ("2", "status"): f'{{"{marie}":"{marie}"}}',
        ("3", "warehouse_id"): "1.5",
        ("3", "created_at"): '"2026-13-01"',
    }
    items = read(ITEMS, '{"id":1,"weight":"marie@x.ca","price":"heavy"}', pseudonyms=hashes)
    assert [text for _, _, text, _ in entries(items)] == [f'"{mail}"', '"heavy"']


def test_rejected_values_follow_their_rows() -> None:
    late = NOON + timedelta(seconds=5)
    first = page_of(*(f'{{"id":{n},"price":"x{n}"}}' for n in (1, 2, 3)), "null")
    second = page_of('{"id":2,"price":5}', '{"id":3,"price":"y"}', at=late)

    def texts(rows: Rows) -> list[str]:
        return [] if rows.rejected is None else sorted(rows.rejected["text"].to_pylist())

    one, other = (read_rows(ITEMS, [page], AS_IT_IS, "items") for page in (first, second))
    assert texts(read_rows(ITEMS, [first, second], AS_IT_IS, "items")) == ['"x1"', '"y"', "null"]
    assert texts(merge_batches(ITEMS, [one, other])) == ['"x1"', '"y"', "null"]
    assert texts(concatenated([one, other])) == ['"x1"', '"x2"', '"x3"', '"y"', "null"]
    assert texts(one.keep(pa.array([False, True, False]))) == ['"x2"', "null"]
    assert texts(other.keep(pa.array([True, False]))) == []
    assert other.keep(pa.array([True, False])).rejected is None
    orders = [f'{{"id":{n},"updated_at":"2026-03-0{n}T00:00:00Z","created_at":"x{n}"}}' for n in (1, 2, 3)]
    owned = read(ORDERS, *orders).owned("updated_at", datetime(2026, 3, 2, tzinfo=UTC), None)
    assert texts(owned) == ['"x2"', '"x3"']


def test_keys_of_rejected_values_are_those_of_their_rows() -> None:
    rows = read(
        INVENTORY_HISTORY,
        '{"id":17,"date":"2026-03-04","warehouse_id":1,"supply":"x"}',
        '{"id":17,"date":"2026-03-04","supply":"x"}',
    )
    assert rows.rejected is not None
    assert rows.rejected["key"].to_pylist() == row_keys(INVENTORY_HISTORY, rows.records).to_pylist()
    assert rows.rejected["key"].to_pylist() == ["17|2026-03-04|1", "17|2026-03-04|"]
    stock = read(ITEM_QUANTITIES, '{"id":7,"updated_at":"2026-03-04T05:00:00Z","supply":"x"}')
    assert [key for key, *_ in entries(stock)] == ["7|2026-03-04 05:00:00.000000Z"]


WRITTEN = st.one_of(
    st.sampled_from(
        [
            *ZERO_DATES,
            "1e999999999",
            "1e-999999999",
            "1e-80",
            "\\u0031e-999999999",
            "2026-03-04T05",
            "2026-03-04T05:00",
            "2026-03-04 05:00:00.1",
            "2026-03-04T05:00:00+0530",
            "20260304",
            "2026-W10-3",
            "-0",
            "1.0",
            "0001-01-01",
            "9999-12-31T23:59:59.999999Z",
            "24:00",
            "2026-03-04T24:00:00Z",
        ]
    ),
    st.decimals(allow_nan=True).map(str),
    st.floats().map(str),
    st.datetimes(timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=-5)), None])).map(str),  # noqa: UP017
    st.from_regex(r"\A[-+]?[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9:.]{1,9}(Z|[-+][0-9:]{1,5})?)?\Z"),
    st.from_regex(r"\A[-+]?[0-9]{0,40}[.]?[0-9]{0,40}([eE][-+]?[0-9]{1,9})?\Z"),
    st.text(alphabet="0123456789.-+eTZ: ", max_size=30),
)


@pytest.mark.parametrize("name", ["amount", "order_id", "start", "created_at", "type"])
@given(written=WRITTEN, is_quoted=st.booleans())
@settings(max_examples=300)
@example(written="1e-999999999", is_quoted=True)
@example(written="\\u0031e-999999999", is_quoted=True)
@example(written="0." + "0" * 3000, is_quoted=True)
def test_what_the_quick_way_accepts_the_careful_way_reads_as_the_same(name: str, written: str, is_quoted: bool) -> None:
    row = f'{{"id":1,"{name}":"{written}"}}' if is_quoted else f'{{"id":1,"{name}":{written}}}'
    page = page_of(row)
    try:
        quick = _read_fast(PAYMENT_ITEMS, [page], AS_IT_IS)
    except pa.ArrowInvalid:
        return
    careful = read_fallback(PAYMENT_ITEMS, [page], AS_IT_IS, "w")
    assert quick.records.to_pylist() == careful.records.to_pylist()
    assert careful.rejected is None


def test_times_and_days_are_read_in_utc_and_in_the_zone() -> None:
    assert {kind for resource in RESOURCES.values() for kind in resource.columns.values()} >= {DAY, MOMENT}
    rows = read(PAYMENT_ITEMS, '{"id":1,"created_at":"2026-03-04T00:00:00","start":"2026-03-04"}', zone=TORONTO)
    assert rows.records["created_at"].to_pylist() == [datetime(2026, 3, 4, tzinfo=UTC)]


def deep(levels: int, inner: str) -> str:
    return "[" * levels + inner + "]" * levels


UNLIKE = {
    "101 levels": [deep(101, "1"), deep(101, "2"), deep(102, "1"), f'{{"a":{deep(101, "1")}}}'],
    "5,000 levels": [deep(5000, "1"), deep(5000, "2"), deep(5001, "1"), f'{{"a":{deep(5000, "1")},"b":"Marie Curie"}}'],
    "100,000 levels": [deep(100_000, "1"), deep(100_000, '"Marie Curie"')],
    "a text of structure": [deep(101, '"],{[\\""'), deep(101, '"],{[\\"\\""'), deep(101, '{"a":[1],"b":2}')],
    "invalid text": [b'{"id":"\xe9"}', b'{"id":"\xe8"}', b'{"id":"\\udce0"}', '{"id":"\ufffd"}'],
}


@pytest.mark.parametrize("rows", UNLIKE.values(), ids=UNLIKE)
def test_each_row_that_cannot_be_read_is_an_entry_of_its_own(rows: list[str | bytes]) -> None:
    hashes = Pseudonymizer(b"key")
    found = read(ITEMS, '{"id":7}', *rows, *rows, '{"id":8}', pseudonyms=hashes)
    assert found.records["id"].to_pylist() == [7, 8]
    keys = [key for key, *_ in entries(found)]
    assert len(set(keys)) == len(keys) == len(rows)
    assert "Curie" not in str(entries(found))
    again = read(ITEMS, *reversed(rows), pseudonyms=hashes)
    assert {key for key, *_ in entries(again)} == set(keys), "the same row is the same entry on every page"


def test_a_row_has_one_entry_in_every_layout_of_its_page() -> None:
    hashes = Pseudonymizer(b"key")
    written, spaced = deep(150, '"\\u00e9 \\/"'), deep(150, ' "é /" ').replace("[", "[\n ")
    layouts = [
        f'{{"data":[{written},5]}}',
        f'{{ "x": [1, {{"data": [2]}}], "data" : [ {spaced} , 5 ], "links": [3] }}',
        f'{{"data":[0],"data":{{"0":{written},"7":5}}}}',
    ]
    found = []
    for body in layouts:
        rows = read_rows(ITEMS, [Page(body.encode(), 2, 2, 2, 1, None, NOON)], hashes, "items", ParseRules(UTC))
        found.append({key for key, *_ in entries(rows)})
        assert len(found[-1]) == 2
    assert found[0] == found[1] == found[2]
