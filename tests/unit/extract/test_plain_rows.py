"""The careful way: fields that the reference does not name, and what their columns are called and hold."""

from typing import Any

import pytest
from dlt.common.normalizers.naming.snake_case import NamingConvention
from hypothesis import given
from hypothesis import strategies as st
from json_pages import AS_IT_IS, page_of, rows_of

from logentic.extract.parsing import read_fallback, read_rows
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import ITEMS, ORDERS

NAMES = {
    "channel": "channel",
    "insuredValue": "insured_value",
    "HTCode2": "htcode2",
    "Größe (cm)": "gr_e_cm",
    "a.b-c d": "a_b_c_d",
    'we"ird': "we_ird",
    "3d": "_3d",
    "_seen_at": "seen_at",
    "_dlt_load_id": "dlt_load_id",
    "Name": "name_2",
    "createdAt": "created_at_2",
    "…": "unnamed",
}


def column(name: str, *values: str) -> dict[str, list[Any]]:
    """The columns beyond the schema, of items that have this field."""
    read = rows_of(ITEMS, *(f'{{"id":{n},{name}:{value}}}' for n, value in enumerate(values, 1)))
    extra = [name for name in read.records.column_names if name not in ITEMS.schema().names]
    return {name: read.records[name].to_pylist() for name in extra}


@pytest.mark.parametrize(("field", "name"), NAMES.items())
def test_an_unknown_field_gets_a_column_of_its_own_and_never_one_of_ours(field: str, name: str) -> None:
    read = rows_of(ITEMS, {"id": 1, "name": "mug", "created_at": "2026-01-01T00:00:00Z", field: "x"})
    (row,) = read.records.to_pylist()
    assert row[name] == "x"
    assert (row["name"], row["_is_removed"]) == ("mug", False)
    assert set(row) == {*ITEMS.schema().names, name}


@given(st.text(min_size=1))
def test_a_column_is_called_as_dlt_will_call_it(field: str) -> None:
    """Else what is read would never equal what is stored, and every run would find news."""
    names = rows_of(ITEMS, {"id": 1, "zz" + field: 1}).records.column_names
    assert [NamingConvention().normalize_path(name) for name in names] == names


def test_fields_that_differ_by_their_case_alone_do_not_hide_each_other() -> None:
    (row,) = rows_of(ITEMS, {"id": 1, "Lot": "a", "lot": "b"}).records.to_pylist()
    assert sorted([row["lot"], row["lot_2"]]) == ["a", "b"]


VALUES = {
    "a text as it is": ('"été"', "été"),
    "a number as it was written": ("1.10", "1.10"),
    "a number that no float holds": ("12345678901234567890.123456789", "12345678901234567890.123456789"),
    "a truth": ("true", "true"),
    "null": ("null", None),
    "an object": ('{ "a": [1, "é", null] }', '{"a":[1,"é",null]}'),
    "an empty list": ("[]", "[]"),
}


@pytest.mark.parametrize(("written", "kept"), VALUES.values(), ids=VALUES)
def test_an_unknown_value_is_kept_as_text(written: str, kept: str | None) -> None:
    assert column('"channel"', written) == {"channel": [kept]}


def test_an_unknown_field_of_one_row_is_null_in_the_others() -> None:
    read = rows_of(ITEMS, {"id": 1}, {"id": 2, "channel": "web"})
    assert read.records["channel"].to_pylist() == [None, "web"]


def test_unknown_fields_of_nested_records_and_of_lines_have_columns_too() -> None:
    line = {"item_id": 5, "lotNumber": "L-1"}
    read = rows_of(ORDERS, {"id": 1, "place": {"city": "Laval", "timeZone": "EST"}, "stored_items": [line]})
    assert read.lines is not None
    assert read.records["place__time_zone"].to_pylist() == ["EST"]
    assert read.records["place__city"].to_pylist() == ["Laval"]
    assert read.lines["lot_number"].to_pylist() == ["L-1"]


def test_unknown_fields_that_look_personal_are_hashed() -> None:
    hashes = Pseudonymizer(b"key")
    fields = {
        "contactPerson": "Léa",
        "handled_by": "lea@shop.example",
        "callback": "+1 514 555 0101",
        "channel": {"name": "web", "tag": "spring", "cc": ["ann@shop.example", "none"]},
        "carrier": "UPS",
    }
    recipient = {"company": "Roy inc."}
    line = {"item_id": 5, "gift_note": "For you"}
    row = {"id": 1, **fields, "recipient": recipient, "stored_items": [line]}
    read = read_rows(ORDERS, [page_of(row)], hashes, "w")
    assert read.lines is not None
    (found,) = read.records.to_pylist()
    assert found["contact_person"] == hashes.pseudonym("Léa")
    assert found["handled_by"] == hashes.pseudonym("lea@shop.example")
    assert found["callback"] == hashes.pseudonym("+1 514 555 0101")
    assert found["recipient__company"] == hashes.pseudonym("Roy inc.")
    assert found["carrier"] == "UPS"
    web, spring, ann, none = map(hashes.pseudonym, ("web", "spring", "ann@shop.example", "none"))
    assert found["channel"] == f'{{"name":"{web}","tag":"{spring}","cc":["{ann}","{none}"]}}'
    assert read.lines["gift_note"].to_pylist() == [hashes.pseudonym("For you")]


def test_rows_of_several_pages_keep_the_time_of_their_page() -> None:
    pages = [page_of({"id": 1}, {"id": 2}), page_of({"id": 3})]
    read = read_fallback(ITEMS, pages, AS_IT_IS, "items")
    assert read.records["_seen_at"].to_pylist() == [pages[0].at, pages[0].at, pages[1].at]
