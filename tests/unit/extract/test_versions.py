"""What of a reading is news, beside what is stored: compared value by value, lines included."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from json_pages import NOON, rows_of

from logentic.errors import StateError
from logentic.extract import diff as versions
from logentic.extract.diff import Changes, find_changes, tombstones
from logentic.extract.parsing import Rows
from logentic.resources import INVENTORY_HISTORY, ITEM_QUANTITIES, ITEMS, ORDERS, Resource

LATER = NOON + timedelta(hours=1)
A_LINE, B_LINE = {"item_id": 5, "quantity": 1}, {"item_id": 6, "quantity": 2}


def stored(resource: Resource, *rows: Mapping[str, Any], removed: bool = False) -> Rows:
    """As a destination gives it back: with the columns of bookkeeping, in another order."""
    read = rows_of(resource, *rows)
    records = read.records.set_column(
        read.records.schema.get_field_index("_is_removed"), "_is_removed", pa.array([removed] * len(read.records))
    )
    return Rows(_loaded(records, "_version"), None if read.lines is None else _loaded(read.lines))


def _loaded(table: pa.Table, *more: str) -> pa.Table:
    for name in ("_dlt_load_id", *more):
        table = table.append_column(name, pa.array(["1"] * len(table), pa.string()))
    return table.select(sorted(table.column_names, reverse=True))


def news_of(resource: Resource, fresh: list[Mapping[str, Any]], old: list[Mapping[str, Any]]) -> Changes:
    return find_changes(resource, rows_of(resource, *fresh, at=LATER), stored(resource, *old))


def ids(table: pa.Table) -> list[int]:
    return table["id"].to_pylist()


def test_new_changed_missing_and_unchanged_records_are_told_apart() -> None:
    news = news_of(
        ITEMS,
        [{"id": 1, "name": "mug"}, {"id": 2, "name": "lamp, new"}, {"id": 4, "name": "bowl"}],
        [{"id": 1, "name": "mug"}, {"id": 2, "name": "lamp"}, {"id": 3, "name": "soap"}],
    )
    assert (ids(news.rows.records), news.new, news.changed, ids(news.missing)) == ([2, 4], 1, 1, [3])


def test_where_nothing_is_stored_everything_is_new() -> None:
    news = find_changes(ITEMS, rows_of(ITEMS, {"id": 1}, {"id": 2}), None)
    assert (ids(news.rows.records), news.new, news.changed, ids(news.missing)) == ([1, 2], 2, 0, [])


def test_an_empty_reading_misses_everything() -> None:
    news = news_of(ITEMS, [], [{"id": 1}])
    assert (ids(news.rows.records), ids(news.missing)) == ([], [1])


@pytest.mark.parametrize("column", sorted(set(ITEMS.columns) - {"id"}))
def test_every_column_is_compared(column: str) -> None:
    one, other = {
        "int64": (1, 2),
        "string": ("a", "b"),
        "bool": (True, False),
        "timestamp[us, tz=UTC]": ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
        "decimal128(38, 24)": (Decimal("0.3"), Decimal("0.30000000000000004")),
    }[str(ITEMS.columns[column])]
    for old, new in ((one, other), (one, None), (None, one)):
        news = news_of(ITEMS, [{"id": 1, column: new}], [{"id": 1, column: old}])
        assert (news.new, news.changed, ids(news.rows.records)) == (0, 1, [1])
    assert news_of(ITEMS, [{"id": 1, column: one}], [{"id": 1, column: one}]).changed == 0


def test_the_same_value_written_otherwise_is_no_news() -> None:
    news = news_of(
        ITEMS,
        [{"id": 1, "price": "1.50", "created_at": "2026-01-01T05:00:00.000000Z"}],
        [{"id": 1, "price": Decimal("1.5"), "created_at": "2026-01-01T00:00:00-05:00"}],
    )
    assert len(news.rows.records) == 0


def test_a_key_with_a_null_in_it_is_a_key() -> None:
    """Most accounts have no warehouse in their history: `null = null` would make every day new on every run."""
    row = {"id": 1, "date": "2026-03-01", "supply": 5}
    same = news_of(INVENTORY_HISTORY, [row], [row])
    assert (len(same.rows.records), len(same.missing)) == (0, 0)
    other = news_of(INVENTORY_HISTORY, [{**row, "warehouse_id": 2}], [row])
    assert (other.new, other.changed, ids(other.missing)) == (1, 0, [1])


def test_a_version_of_another_time_is_another_key() -> None:
    old = {"id": 1, "supply": 5, "updated_at": "2026-03-01T00:00:00Z"}
    news = news_of(ITEM_QUANTITIES, [old, {**old, "supply": 6, "updated_at": "2026-03-02T00:00:00Z"}], [old])
    assert (news.new, news.changed, news.rows.records["supply"].to_pylist()) == (1, 0, [6])


LINES = {
    "another quantity": [{**A_LINE, "quantity": 2}],
    "another item": [{**A_LINE, "item_id": 7}],
    "one more": [A_LINE, B_LINE],
    "the same once more": [A_LINE, A_LINE],
    "none": [],
    "an unknown field": [{**A_LINE, "lot": "L-1"}],
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_an_order_whose_lines_differ_has_changed_and_comes_with_its_lines(lines: list[dict[str, Any]]) -> None:
    still = {"id": 2, "stored_items": [B_LINE]}
    fresh: list[Mapping[str, Any]] = [{"id": 1, "stored_items": lines}, still]
    news = news_of(ORDERS, fresh, [{"id": 1, "stored_items": [A_LINE]}, still])
    assert (news.changed, ids(news.rows.records)) == (1, [1])
    assert news.rows.lines is not None
    assert news.rows.lines["order_id"].to_pylist() == [1] * len(lines)


def test_lines_in_another_order_are_other_lines() -> None:
    news = news_of(ORDERS, [{"id": 1, "stored_items": [B_LINE, A_LINE]}], [{"id": 1, "stored_items": [A_LINE, B_LINE]}])
    assert news.changed == 1


def test_lines_of_earlier_versions_are_not_compared() -> None:
    order = {"id": 1, "stored_items": [B_LINE]}
    now, before = (
        stored(ORDERS, order),
        rows_of(ORDERS, {"id": 1, "stored_items": [A_LINE]}, at=NOON - timedelta(days=1)),
    )
    assert now.lines is not None
    assert before.lines is not None
    both = pa.concat_tables([now.lines, _loaded(before.lines)])
    news = find_changes(ORDERS, rows_of(ORDERS, order, at=LATER), Rows(now.records, both))
    assert len(news.rows.records) == 0


def test_lines_stored_twice_after_a_crash_are_the_same_lines() -> None:
    order = {"id": 1, "stored_items": [A_LINE]}
    now = stored(ORDERS, order)
    news = find_changes(
        ORDERS, rows_of(ORDERS, order, at=LATER), Rows(now.records, pa.concat_tables([now.lines, now.lines]))
    )
    assert len(news.rows.records) == 0


def test_a_field_that_appears_is_news_where_it_holds_something() -> None:
    news = news_of(ITEMS, [{"id": 1, "lot": "a"}, {"id": 2, "lot": None}], [{"id": 1}, {"id": 2}])
    assert ids(news.rows.records) == [1]


def test_a_field_that_disappears_is_news_where_it_held_something() -> None:
    news = news_of(ITEMS, [{"id": 1}, {"id": 2}], [{"id": 1, "lot": "a"}, {"id": 2, "lot": None}])
    assert ids(news.rows.records) == [1]


def test_a_field_that_other_lines_have_does_not_change_an_order_without_it() -> None:
    """The stored column exists once one line had the field; the reading of another window knows nothing of it."""
    plain, gift = {"id": 1, "stored_items": [A_LINE]}, {"id": 2, "stored_items": [{**A_LINE, "gift": "yes"}]}
    assert len(news_of(ORDERS, [plain], [plain, gift]).rows.records) == 0
    assert ids(news_of(ORDERS, [plain, gift], [plain]).rows.records) == [2]


def test_a_removed_record_that_comes_back_is_news_and_is_not_missed_again() -> None:
    gone = stored(ITEMS, {"id": 1, "name": "mug"}, {"id": 2}, removed=True)
    news = find_changes(ITEMS, rows_of(ITEMS, {"id": 1, "name": "mug"}), gone)
    assert (ids(news.rows.records), news.changed, ids(news.missing)) == ([1], 1, [])


def test_a_tombstone_repeats_the_last_known_values() -> None:
    news = news_of(ITEMS, [{"id": 2, "colour": "red"}], [{"id": 1, "name": "mug", "price": "1.50", "lot": "a"}])
    gone = tombstones(news.missing, news.rows.records, LATER)
    assert gone.column_names == [*news.rows.records.column_names, "lot"]
    (row,) = gone.to_pylist()
    assert (row["id"], row["name"], row["price"], row["lot"], row["colour"]) == (1, "mug", Decimal("1.5"), "a", None)
    assert (row["_is_removed"], row["_seen_at"]) == (True, LATER)


@pytest.mark.parametrize("hours", [0, -48], ids=["the clock stands", "the clock was set back"])
def test_a_version_is_dated_after_the_one_that_it_follows_and_so_are_its_lines(hours: int) -> None:
    at = NOON + timedelta(hours=hours)
    old = stored(ORDERS, {"id": 1, "stored_items": [A_LINE, B_LINE]}, {"id": 2, "stored_items": []})
    fresh = rows_of(ORDERS, {"id": 3, "stored_items": [A_LINE]}, {"id": 1, "stored_items": [B_LINE]}, at=at)
    news = find_changes(ORDERS, fresh, old).rows
    after = NOON + timedelta(microseconds=1)
    assert dict(zip(ids(news.records), news.records["_seen_at"].to_pylist(), strict=True)) == {3: at, 1: after}
    assert dict(zip(news.lines["order_id"].to_pylist(), news.lines["_seen_at"].to_pylist(), strict=True)) == {
        3: at,
        1: after,
    }
    gone = tombstones(old.records, fresh.records, at)
    assert gone["_seen_at"].to_pylist() == [after, after]


def test_rows_too_large_to_compare_are_an_error_that_names_the_setting() -> None:
    large = [{"id": number, "name": str(number) * 8_000_000} for number in range(1, 9)]
    try:
        versions._database().execute("set memory_limit = '20MB'")
        with pytest.raises(StateError, match="items: rows could not be compared") as failure:
            news_of(ITEMS, large, large)
        assert "LOGENTIC_LOAD_MEMORY" in failure.value.guidance
        versions.allow_memory("64MB")
        assert memory_limit() == "190.7 MiB"
        versions.allow_memory("1GB")
        assert memory_limit() == "953.6 MiB"
        assert news_of(ITEMS, large, large).changed == 0
    finally:
        versions.allow_memory("64MB")


def memory_limit() -> str:
    (limit,) = versions._database().execute("select current_setting('memory_limit')").fetchone() or ("",)
    return str(limit)
