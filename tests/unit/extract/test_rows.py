"""JSON becomes tables: the same by the quick way and the careful one, exact to the last digit, nothing lost."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_pages import AS_IT_IS, NOON, assert_equal, page_of, rows_of

from logentic.errors import InvalidResponse, LogenticError
from logentic.extract import parsing as rows_module
from logentic.extract.parsing import Rows, count_distinct, empty_rows, read_fallback, read_rows
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import (
    DAY,
    INTEGER,
    MEASURE,
    MOMENT,
    ORDERS,
    PAYMENT_ITEMS,
    QUANTITY,
    RESOURCES,
    TRUTH,
    Resource,
)

Written = tuple[Any, str]  # what a value is, and one way in which a service may write it
NULL: Written = (None, "null")
TIME_FORMATS = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%d %H:%M:%S")


def _number(value: int | Decimal) -> st.SearchStrategy[Written]:
    return st.sampled_from([(value, f"{value}"), (value, f'"{value}"')])


def _decimals(digits: int, places: int) -> st.SearchStrategy[Decimal]:
    largest = 10 ** min(digits - places, 14) - 1
    return st.decimals(-largest, largest, allow_nan=False, allow_infinity=False, places=places)


def _moment(at: datetime) -> st.SearchStrategy[Written]:
    texts = [at.strftime(form) for form in TIME_FORMATS]
    return st.sampled_from([*texts, (at + timedelta(hours=-5)).strftime("%Y-%m-%dT%H:%M:%S-05:00")]).map(
        lambda text: (at, f'"{text}"')
    )


MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001
VALUES: dict[pa.DataType, st.SearchStrategy[Written]] = {
    INTEGER: st.integers(-(2**63), 2**63 - 1).flatmap(_number),
    MEASURE: st.integers(0, 17).flatmap(lambda places: _decimals(17, places)).flatmap(_number),
    QUANTITY: _decimals(18, 4).flatmap(_number),
    TRUTH: st.sampled_from([(True, "true"), (False, "false"), (True, "1"), (False, '"0"')]),
    MOMENT: MOMENTS.flatmap(_moment),
    DAY: st.dates(date(2000, 1, 1), date(2100, 1, 1)).flatmap(
        lambda day: st.sampled_from([(day, f'"{day}"'), (day, f'"{day} 00:00:00"'), (day, f'"{day}T00:00:00Z"')])
    ),
    pa.string(): st.text().map(lambda text: (text, json.dumps(text))) | st.integers(0).map(lambda n: (str(n), str(n))),
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)
UNKNOWN = {"channel": "channel", "insuredValue": "insured_value"}


def _text_of(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@st.composite
def records(draw: st.DrawFn, resource: Resource, key: int) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """What a record is, what its lines are, and its JSON; fields may be null, missing, or unknown to the reference."""
    flat = {name: draw(VALUES[kind] | st.just(NULL)) for name, kind in resource.columns.items()}
    flat |= {name: draw(VALUES[kind]) for name, kind in resource.columns.items() if name in resource.key}
    flat["id"] = (key, str(key))
    missing = draw(st.sets(st.sampled_from(sorted(set(flat) - set(resource.key) - {"id"}))))
    is_record = {name: None if name in missing else value for name, (value, _) in flat.items()}
    parts: dict[str, str] = {}
    nested: dict[str, dict[str, str]] = {}
    for name, (_, text) in flat.items():
        outer, _, inner = name.partition("__")
        if inner:
            nested.setdefault(outer, {})
        if name not in missing and inner:
            nested[outer][inner] = text
        elif name not in missing:
            parts[name] = text
    for name, column in draw(st.sampled_from([{}, UNKNOWN])).items():
        value = draw(ANYTHING)
        parts[name], is_record[column] = json.dumps(value), _text_of(value)
    # PHP writes an empty map as an empty list.
    parts |= {
        name: _object(fields) if fields else draw(st.sampled_from(["{}", "[]", "null"]))
        for name, fields in nested.items()
    }
    lines = []
    if resource.lines and not draw(st.booleans().map(lambda few: few and key % 2)):
        texts = []
        for _ in range(draw(st.integers(0, 3))):
            line = {name: draw(VALUES[kind] | st.just(NULL)) for name, kind in resource.lines.columns.items()}
            lines.append({name: value for name, (value, _) in line.items()})
            texts.append(_object({name: text for name, (_, text) in line.items()}))
        parts[resource.lines.field] = f"[{','.join(texts)}]"
    names = draw(st.permutations(sorted(parts)))
    return is_record, lines, _object({name: parts[name] for name in names})


def _object(fields: dict[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in fields.items()) + "}"


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
@given(data=st.data())
def test_what_is_read_is_what_was_written_by_either_way(resource: Resource, data: st.DataObject) -> None:
    written = [data.draw(records(resource, key)) for key in range(1, data.draw(st.integers(1, 4)) + 1)]
    pages = [page_of(text) for _, _, text in written]
    read = read_rows(resource, pages, AS_IT_IS, "w")
    for row, (record, _, _) in zip(read.records.to_pylist(), written, strict=True):
        assert {name: row[name] for name in record} == record
        assert all(row[name] is None for name in set(row) - set(record) - {"_seen_at", "_is_removed"})
    if resource.lines and read.lines:
        found = [{name: line[name] for name in resource.lines.columns} for line in read.lines.to_pylist()]
        assert found == [line for _, lines, _ in written for line in lines]
        numbers = [(line["order_id"], line["line_number"]) for line in read.lines.to_pylist()]
        assert numbers == [(record["id"], n) for record, lines, _ in written for n in range(1, len(lines) + 1)]
    assert_equal(read, read_fallback(resource, pages, AS_IT_IS, "w"))


@pytest.mark.parametrize(
    "text",
    ["0.30000000000000004", "1e-7", "1E-7", "1.10", "-0.1", "12", "99999999999999.999999999999999999999999"],
)
@pytest.mark.parametrize("written", ["{}", '"{}"'])
def test_a_number_is_exact_to_its_last_digit(text: str, written: str) -> None:
    row = f'{{"id":1,"amount":{written.format(text)}}}'
    for read in (read_rows, read_fallback):
        (amount,) = read(PAYMENT_ITEMS, [page_of(row)], AS_IT_IS, "w").records["amount"].to_pylist()
        assert amount == Decimal(text)


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_the_columns_are_those_of_the_schema_also_where_nothing_was_found(resource: Resource) -> None:
    for rows in (empty_rows(resource), rows_of(resource)):
        assert rows.records.schema.equals(resource.schema())
        assert (rows.lines is None) == (resource.lines is None)
        if resource.lines and rows.lines:
            assert rows.lines.schema.equals(resource.lines.schema())


@pytest.mark.parametrize("row", ['{"id":1,}', '{"id":1', "{id:1}"])
def test_rows_that_are_no_json_are_a_bad_answer(row: str) -> None:
    with pytest.raises(InvalidResponse, match="orders: the rows are not JSON") as raised:
        read_rows(ORDERS, [page_of(row)], AS_IT_IS, "orders")
    assert isinstance(raised.value, LogenticError)


def test_an_id_that_is_a_text_column_keeps_every_digit() -> None:
    read = rows_of(ORDERS, '{"id":1,"shopify_order_id":12345678901234567890,"external_name":"007"}')
    (row,) = read.records.to_pylist()
    assert (row["shopify_order_id"], row["external_name"]) == ("12345678901234567890", "007")


def test_a_row_read_twice_is_kept_once_as_it_was_read_last_and_so_are_its_lines() -> None:
    late = NOON + timedelta(seconds=5)
    first = page_of(
        {"id": 1, "status": "PENDING", "stored_items": [{"item_id": 5, "quantity": 1}, {"item_id": 6, "quantity": 1}]},
        {"id": 2, "status": "PENDING", "stored_items": [{"item_id": 7, "quantity": 2}]},
    )
    second = page_of({"id": 1, "status": "PICKED", "stored_items": [{"item_id": 5, "quantity": 3}]}, at=late)
    for read in (read_rows, read_fallback):
        rows = read(ORDERS, [first, second], AS_IT_IS, "w")
        assert rows.read == 3
        assert rows.lines is not None
        found = [(row["id"], row["status"], row["_seen_at"]) for row in rows.records.to_pylist()]
        assert found == [(2, "PENDING", NOON), (1, "PICKED", late)]
        lines = [
            (line["order_id"], line["item_id"], line["quantity"], line["_seen_at"]) for line in rows.lines.to_pylist()
        ]
        assert lines == [(2, 7, 2, NOON), (1, 5, 3, late)]


def test_versions_of_one_record_are_kept_where_their_time_is_in_the_key() -> None:
    rows = rows_of(
        RESOURCES["item_quantities"],
        *({"id": 1, "supply": n, "updated_at": f"2026-03-0{n}T00:00:00Z"} for n in (1, 2, 2)),
    )
    assert [row["supply"] for row in rows.records.to_pylist()] == [1, 2]


def test_history_without_a_warehouse_has_one_row_for_each_item_and_day() -> None:
    history = RESOURCES["inventory_history"]
    rows = rows_of(history, *({"id": 1, "date": "2026-03-01", "supply": n} for n in (1, 2)))
    assert [row["supply"] for row in rows.records.to_pylist()] == [2]


def test_rows_are_owned_from_the_start_on_and_before_the_end_and_without_a_time_always() -> None:
    rows = rows_of(
        ORDERS,
        *({"id": n, "updated_at": f"2026-03-0{n}T00:00:00Z", "stored_items": [{"item_id": n}]} for n in (1, 2, 3, 4)),
        {"id": 9, "stored_items": [{"item_id": 9}]},
    )
    start, end = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    assert ids(rows.owned("updated_at", start, end)) == ([2, 3, 9], [2, 3, 9])
    assert ids(rows.owned("updated_at", start, None)) == ([2, 3, 4, 9], [2, 3, 4, 9])
    assert ids(rows.owned("updated_at", None, end)) == ([1, 2, 3, 9], [1, 2, 3, 9])
    assert rows.owned("updated_at", None, None) is rows


def ids(rows: Rows) -> tuple[list[int], list[int]]:
    assert rows.lines is not None
    return rows.records["id"].to_pylist(), rows.lines["item_id"].to_pylist()


@pytest.mark.parametrize("way", [read_rows, read_fallback])
def test_personal_fields_are_hashed_and_others_are_not(way: Any) -> None:
    hashes = Pseudonymizer(b"key")
    person = {"name": "Zoë Roy", "email": "zoe@shop.example", "phone": "514 555 0101"}
    place = {
        "address1": "1 rue X",
        "address2": None,
        "postal_code": "h2r 2y8",
        "city": "Montréal",
        "province_code": "QC",
    }
    row = {"id": 1, "external_name": "#1001", "recipient": person, "place": place, "stored_items": []}
    (read,) = way(ORDERS, [page_of(row)], hashes, "w").records.to_pylist()
    assert {name: read[f"recipient__{name}"] for name in person} == {n: hashes.pseudonym(v) for n, v in person.items()}
    assert read["place__address1"] == hashes.pseudonym("1 rue X")
    assert read["place__address2"] is None
    assert read["place__postal_code"] == f"H2R {hashes.pseudonym('h2r 2y8')}"
    assert (read["place__city"], read["external_name"]) == ("Montréal", "#1001")


@pytest.mark.parametrize("at_once", [1, 2, 7, 1000])
def test_keys_are_counted_some_at_a_time(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "COUNTED_AT_ONCE", at_once)
    table = pa.table({"id": [-1, 5, 5, 8, 16, 16], "date": ["a", "a", "b", "a", "a", "a"]})
    assert count_distinct(table, ["id", "date"]) == 5
    assert count_distinct(table, ["id"]) == 4
