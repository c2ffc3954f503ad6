"""The log of values that could not be read: opened once, changed, closed, and opened again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from json_pages import NOON, rows_of

from logentic.destinations.duckdb import RawFile
from logentic.extract.diff import tombstones
from logentic.extract.parsing import Rows
from logentic.extract.rejections import Rejections
from logentic.extract.stored_records import Stored
from logentic.resources import INVENTORY_HISTORY, ORDERS, PAYMENT_ITEMS, REJECTED_VALUES, Resource

HOUR = timedelta(hours=1)
Entry = tuple[str, str, str | None, bool]


@pytest.fixture
def log(tmp_path: Path) -> "Log":
    return Log(tmp_path / "raw.duckdb")


class Log:
    """A raw table of rejected values, to which each session adds its rows."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with duckdb.connect(str(file)) as raw:
            raw.register("rows", REJECTED_VALUES.empty_table())
            raw.execute("create schema logentic_raw")
            raw.execute("create table logentic_raw.rejected_values as select *, '1' as _dlt_load_id from rows")

    def session(self, *steps: Callable[[Rejections], None]) -> list[Entry]:
        """What one session adds: (key, field, text, is removed)."""
        query = RawFile(self._file)
        rejections = Rejections(Stored(query).open_rejections())
        query.close()
        for step in steps:
            step(rejections)
        assert rejections.have_rows or not list(rejections.take())
        added = [row for table in rejections.take() for row in table.to_pylist()]
        with duckdb.connect(str(self._file)) as raw:
            raw.register("rows", pa.Table.from_pylist(added, REJECTED_VALUES))
            raw.execute("insert into logentic_raw.rejected_values select *, '1' from rows")
        return [(row["key"], row["field"], row["text"], row["_is_removed"]) for row in added]

    def open(self) -> list[tuple[Any, ...]]:
        query = RawFile(self._file)
        table = Stored(query).open_rejections()
        query.close()
        return sorted((row["resource"], row["key"], row["field"], row["text"]) for row in table.to_pylist())


def charges(*ids: int, at: datetime = NOON, **rejected: str) -> Rows:
    """Charges; of the first, these fields hold these texts."""
    return _with(PAYMENT_ITEMS, rows_of(PAYMENT_ITEMS, *({"id": n} for n in ids), at=at), str(ids[0]), at, rejected)


def _with(resource: Resource, rows: Rows, key: str, at: datetime, rejected: dict[str, str]) -> Rows:
    entries = [
        {"resource": resource.name, "key": key, "field": field, "text": text, "reason": "not a number"}
        | {"_seen_at": at, "_is_removed": False}
        for field, text in rejected.items()
    ]
    return replace(rows, rejected=pa.Table.from_pylist(entries, REJECTED_VALUES) if entries else None)


def read(rows: Rows, resource: Resource = PAYMENT_ITEMS) -> Callable[[Rejections], None]:
    return lambda rejections: rejections.note(resource, rows)


def test_a_value_is_recorded_once_until_its_text_changes_and_closed_when_it_is_readable(log: Log) -> None:
    assert log.session(read(charges(1, 2, amount="n/a"))) == [("1", "amount", "n/a", False)]
    assert log.session(read(charges(1, 2, amount="n/a", at=NOON + HOUR))) == []
    assert log.session(read(charges(1, amount="?", at=NOON + 2 * HOUR))) == [("1", "amount", "?", False)]
    assert log.session(read(charges(2, at=NOON + 3 * HOUR))) == [], "the record was not read"
    assert log.open() == [("payment_items", "1", "amount", "?")]
    assert log.session(read(charges(1, at=NOON + 4 * HOUR))) == [("1", "amount", "?", True)]
    assert log.session(read(charges(1, at=NOON + 5 * HOUR))) == []
    assert log.open() == []
    assert log.session(read(charges(1, amount="?", at=NOON + 6 * HOUR))) == [("1", "amount", "?", False)]
    assert log.open() == [("payment_items", "1", "amount", "?")]


def test_a_record_read_twice_in_a_session_is_recorded_once(log: Log) -> None:
    again = charges(1, amount="n/a", at=NOON + HOUR)
    assert log.session(read(charges(1, amount="n/a")), read(again)) == [("1", "amount", "n/a", False)]
    mended = log.session(read(charges(1, amount="!")), read(charges(1)), read(charges(1)))
    assert mended == [("1", "amount", "!", False), ("1", "amount", "!", True)]


def test_one_field_is_closed_and_another_stays_open(log: Log) -> None:
    log.session(read(charges(1, amount="n/a", quantity="many")))
    assert log.session(read(charges(1, quantity="many"))) == [("1", "amount", "n/a", True)]


def test_versions_follow_each_other_also_when_the_clock_was_set_back(log: Log) -> None:
    log.session(read(charges(1, amount="n/a")))
    log.session(read(charges(1, at=NOON - HOUR)))
    assert log.open() == []


def test_a_record_that_is_gone_closes_its_entries(log: Log) -> None:
    rows = charges(1, amount="n/a")
    log.session(read(rows))
    gone = tombstones(rows.records, rows.records, NOON + HOUR)
    assert log.session(read(Rows(gone, None))) == [("1", "amount", "n/a", True)]


def test_equal_keys_of_two_resources_are_two_entries(log: Log) -> None:
    order = _with(ORDERS, rows_of(ORDERS, {"id": 1}), "1", NOON, {"created_at": "soon"})
    log.session(read(charges(1, amount="n/a")), read(order, ORDERS))
    assert log.session(read(rows_of(ORDERS, {"id": 1}), ORDERS)) == [("1", "created_at", "soon", True)]
    assert log.open() == [("payment_items", "1", "amount", "n/a")]


def test_a_row_of_history_is_known_by_its_item_day_and_warehouse(log: Log) -> None:
    def day(date: str, **rejected: str) -> Rows:
        rows = rows_of(INVENTORY_HISTORY, {"id": 7, "date": date, "warehouse_id": None})
        return _with(INVENTORY_HISTORY, rows, f"7|{date}|", NOON, rejected)

    log.session(read(day("2026-03-04", supply="x"), INVENTORY_HISTORY))
    assert log.session(read(day("2026-03-05"), INVENTORY_HISTORY)) == []
    assert log.session(read(day("2026-03-04"), INVENTORY_HISTORY)) == [("7|2026-03-04|", "supply", "x", True)]


def test_a_row_without_a_readable_key_is_closed_when_a_complete_list_has_it_no_more(log: Log) -> None:
    def dropped(rows: Rows) -> Rows:
        return _with(PAYMENT_ITEMS, rows, "unreadable:1f", NOON, {"": "{}"})

    def end(rejections: Rejections) -> None:
        assert rejections.has_dropped_rows(PAYMENT_ITEMS) == bool(log.open())
        rejections.end_dropped_rows(PAYMENT_ITEMS, NOON + HOUR)

    assert log.session(read(dropped(charges(1)))) == [("unreadable:1f", "", "{}", False)]
    assert log.session(read(charges(1))) == [], "other rows prove nothing of it"
    assert log.session(read(dropped(charges(1))), end) == [], "it was read again"
    assert log.session(read(charges(1)), end) == [("unreadable:1f", "", "{}", True)]
    assert log.session(end) == []


def test_a_database_without_the_table_has_no_entries(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "raw.duckdb")) as raw:
        raw.execute("create schema logentic_raw")
    assert len(Stored(RawFile(tmp_path / "raw.duckdb")).open_rejections()) == 0
