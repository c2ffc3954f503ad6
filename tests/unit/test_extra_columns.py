"""Unknown fields have columns up to a limit; the others go into one JSON column, the same on every page and run."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import Any

import pytest
from json_pages import AS_IT_IS, page_of

from logentic.extra_columns import LIMIT, MORE_FIELDS, ExtraColumns, column_names
from logentic.extract.parsing import ParseRules, Rows, read_rows
from logentic.privacy.measures import is_identifier, is_kept_name
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import ITEMS, ORDERS, RESOURCES


def wide(record_id: int, fields: range, **more: Any) -> dict[str, Any]:
    return {"id": record_id, **{f"field{n:04}": f"{record_id}-{n}" for n in fields}, **more}


def read(columns: ExtraColumns, *rows: dict[str, Any], pseudonyms: Pseudonymizer = AS_IT_IS) -> Rows:
    return read_rows(ITEMS, [page_of(*rows)], pseudonyms, "items", ParseRules(UTC, columns))


def fields(rows: Rows) -> list[dict[str, str]]:
    """The unknown fields of each row, wherever they are kept."""
    extra = [name for name in rows.records.column_names if name not in ITEMS.schema().names and name != MORE_FIELDS]
    assert len(extra) <= LIMIT
    found = []
    for row in rows.records.to_pylist():
        more = json.loads(row.get(MORE_FIELDS) or "{}")
        found.append({**{name: row[name] for name in extra if row[name] is not None}, **more})
    return found


def test_1500_unknown_fields_are_kept_in_200_columns_and_one() -> None:
    rows = read(ExtraColumns(), wide(1, range(1500)), {"id": 2, "name": "mug"})
    assert len(rows.records.column_names) == len(ITEMS.schema().names) + LIMIT + 1
    assert fields(rows) == [{f"field{n:04}": f"1-{n}" for n in range(1500)}, {}]
    assert rows.records["name"].to_pylist() == [None, "mug"]
    assert rows.rejected is None


def test_a_field_keeps_its_column_on_every_page_and_in_every_run() -> None:
    columns = ExtraColumns()
    first = read(columns, wide(1, range(1000, 1150)))
    second = read(columns, wide(2, range(0, 300)), wide(3, range(1000, 1150)))
    with_columns = {name for name in second.records.column_names if name.startswith("field")}
    assert {name for name in first.records.column_names if name.startswith("field")} <= with_columns
    assert with_columns == {f"field{n:04}" for n in [*range(50), *range(1000, 1150)]}
    next_run = read(ExtraColumns({"items": with_columns}), wide(2, range(0, 300)), wide(3, range(1000, 1150)))
    assert next_run.records.drop_columns(["_seen_at"]).equals(second.records.drop_columns(["_seen_at"]))


def test_stored_columns_beyond_the_limit_still_get_their_values() -> None:
    stored = {f"field{n:04}" for n in range(300)}
    rows = read(ExtraColumns({"items": stored}), {"id": 1, "field0299": "x", "another": "y"})
    assert rows.records["field0299"].to_pylist() == ["x"]
    assert rows.records[MORE_FIELDS].to_pylist() == ['{"another":"y"}']


def test_several_threads_share_one_limit() -> None:
    columns = ExtraColumns()
    with ThreadPoolExecutor(8) as pool:
        admitted = list(pool.map(lambda n: columns.admit("t", [f"{n}-{m}" for m in range(50)]), range(20)))
    assert len(set().union(*admitted)) == LIMIT


def test_the_order_of_fields_and_a_null_among_them_change_nothing() -> None:
    columns = ExtraColumns({"items": {f"f{n}" for n in range(LIMIT)}})
    texts = [
        read(columns, row).records[MORE_FIELDS].to_pylist()
        for row in ({"id": 1, "b": 1, "a": {"z": 1, "y": 2}}, {"id": 1, "c": None, "a": {"y": 2, "z": 1}, "b": 1})
    ]
    assert texts == [['{"a":{"y":2,"z":1},"b":1}']] * 2


def test_the_column_of_a_field_depends_on_its_row_alone() -> None:
    assert column_names(["lot"], ()) == {"lot": "lot"}
    assert column_names(["lot", "Lot"], ()) == {"Lot": "lot", "lot": "lot_2"}
    rows = read(ExtraColumns(), {"id": 1, "Lot": "a"}, {"id": 2, "lot": "b"}, {"id": 3, "Lot": "c", "lot": "d"})
    assert rows.records.select(["lot", "lot_2"]).to_pylist() == [
        {"lot": "a", "lot_2": None},
        {"lot": "b", "lot_2": None},
        {"lot": "c", "lot_2": "d"},
    ]


def test_the_rest_of_the_fields_is_pseudonymized_as_columns_are() -> None:
    hashes = Pseudonymizer(b"key")
    full = ExtraColumns({"items": {f"f{n}" for n in range(LIMIT)}, "orders": {f"f{n}" for n in range(LIMIT)}})
    items = read(full, {"id": 1, "contact": "Marie", "channel": "web"}, pseudonyms=hashes)
    assert items.records[MORE_FIELDS].to_pylist() == [f'{{"channel":"web","contact":"{hashes.pseudonym("Marie")}"}}']
    order = {"id": 1, "channel": "web", "weight": 1.5, "marie@x.ca": "x", "Marie Curie": 1, "5145550101": "y"}
    rows = read_rows(ORDERS, [page_of(order)], hashes, "orders", ParseRules(UTC, full))
    (more,) = rows.records[MORE_FIELDS].to_pylist()
    assert json.loads(more) == {
        "channel": hashes.pseudonym("web"),
        "weight": 1.5,
        hashes.pseudonym("marie@x.ca"): hashes.pseudonym("x"),
        hashes.pseudonym("Marie Curie"): hashes.pseudonym("1"),
        hashes.pseudonym("5145550101"): hashes.pseudonym("y"),
    }


@pytest.mark.parametrize("name", ["Marie Curie", "marie@x.ca", "5145550101", "Größe"])
def test_a_name_of_an_order_that_may_be_personal_gets_no_column(name: str) -> None:
    rows = read_rows(ORDERS, [page_of({"id": 1, name: "x"})], Pseudonymizer(b"key"), "orders")
    assert set(rows.records.column_names) - set(ORDERS.schema().names) == {MORE_FIELDS}
    assert name not in rows.records[MORE_FIELDS].to_pylist()[0]


DATA_AS_NAMES = ["marie", "Marie", "marie_curie", "marieCurie", "_marie", "n5145550101", "phone_514_555_0101", "__x"]


@pytest.mark.parametrize("outer", ["recipient", "place"])
@pytest.mark.parametrize("name", DATA_AS_NAMES)
def test_a_name_within_a_record_of_an_order_that_may_be_personal_gets_no_column(name: str, outer: str) -> None:
    hashes = Pseudonymizer(b"key")
    order = {"id": 1, outer: {name: "Curie", "city": "Laval", "tracking_url": "u"}}
    rows = read_rows(ORDERS, [page_of(order, {"id": 2})], hashes, "orders")
    assert set(rows.records.column_names) - set(ORDERS.schema().names) <= {
        *(MORE_FIELDS, f"{outer}__tracking_url", "recipient__city")
    }
    (text, none) = rows.records[MORE_FIELDS].to_pylist()
    ((key, value),) = json.loads(text).items()
    assert key.startswith(f"{outer}__" if is_identifier(name) else hashes.pseudonym(f"{outer}__{name}"))
    assert (value, none) == (hashes.pseudonym("Curie"), None)
    assert name not in text
    again = read_rows(ORDERS, [page_of(order)], hashes, "orders").records[MORE_FIELDS].to_pylist()
    assert again == [text], "an equal order stays equal"


@pytest.mark.parametrize("name", ["recipient__marie", "place__marie.curie"])
def test_a_name_with_two_underscores_is_read_as_one_within_a_record(name: str) -> None:
    row = {"id": 1, name: 2, "stored_items": [{"item_id": 5, name: 2}]}
    rows = read_rows(ORDERS, [page_of(row)], Pseudonymizer(b"key"), "orders")
    assert rows.lines is not None
    for table in (rows.records, rows.lines):
        assert not [column for column in table.column_names if "marie" in column]
        assert "marie" not in table[MORE_FIELDS].to_pylist()[0]


def test_every_name_of_the_reference_is_kept_as_a_name() -> None:
    for resource in RESOURCES.values():
        lines = [resource.lines.field, *resource.lines.columns] if resource.lines else []
        for column in (*resource.columns, *lines):
            assert all(is_kept_name(part) for part in column.split("__")), column


def test_names_that_a_user_keeps_have_columns() -> None:
    order = {"id": 1, "recipient": {"marie": {"pierre": "x"}, "paul": "y"}}
    kept = Pseudonymizer(b"key", plain_fields=["recipient__marie"])
    rows = read_rows(ORDERS, [page_of(order)], kept, "orders")
    assert rows.records["recipient__marie"].to_pylist() == ['{"pierre":"x"}']
    assert "recipient__paul" not in rows.records.column_names
    rows = read_rows(ORDERS, [page_of(order)], AS_IT_IS, "orders")
    assert rows.records["recipient__paul"].to_pylist() == ["y"]


def test_values_that_cannot_be_read_under_names_without_columns_are_an_entry_each() -> None:
    deep = json.loads("[" * 150 + "]" * 150)
    order = {"id": 1, "recipient": {"marie": deep, "pierre": deep}, "Marie Curie": deep}
    rows = read_rows(ORDERS, [page_of(order)], Pseudonymizer(b"key"), "orders")
    assert rows.rejected is not None
    fields = rows.rejected["field"].to_pylist()
    assert len(set(fields)) == 3
    assert all(field.startswith(f"{MORE_FIELDS}.") for field in fields)
    assert not [field for field in fields if "marie" in field.lower() or "pierre" in field]
