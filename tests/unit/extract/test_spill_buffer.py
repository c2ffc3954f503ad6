"""What waits in a file comes back as it was put there, and nothing of it stays."""

import resource as limits
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from json_pages import rows_of

from logentic.errors import StateError
from logentic.extract import spill_buffer as buffer
from logentic.extract.parsing import Rows, concatenated
from logentic.extract.spill_buffer import SpillBuffer
from logentic.resources import (
    INVENTORY_HISTORY,
    ITEM_QUANTITIES,
    ORDERS,
    PAYMENT_ITEMS,
    REJECTED_VALUES,
    Resource,
)

ORDER = '{{"id":{},"status":"{}","stored_items":[{{"item_id":{},"quantity":1}},{{"item_id":8,"quantity":2}}]}}'
BATCHES = {
    "orders, one of them twice": (ORDERS, [[ORDER.format(1, "PENDING", 7)], [ORDER.format(1, "COMPLETED", 9)]]),
    "orders without lines": (ORDERS, [['{"id":1,"stored_items":[]}'], [ORDER.format(2, "PENDING", 7)]]),
    "days": (INVENTORY_HISTORY, [[f'{{"id":1,"date":"2026-03-0{day}","total_volume":0.1{day}}}'] for day in (1, 2)]),
    "versions": (ITEM_QUANTITIES, [[f'{{"id":1,"updated_at":"2026-03-01T0{n}:00:00Z"}}'] for n in (1, 2)]),
    "a field of one batch only": (PAYMENT_ITEMS, [['{"id":1,"amount":12.5}'], ['{"id":2,"amount":"1.50","new":"x"}']]),
}


@pytest.fixture(autouse=True)
def hold_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "HELD_BYTES", 0)
    monkeypatch.setattr(buffer, "PART_BYTES", 0)


def filled(resource: Resource, batches: list[list[str]], folder: Path | None) -> SpillBuffer:
    filled = SpillBuffer(resource, folder)
    for batch in batches:
        filled.put(rows_of(resource, *batch))
    return filled


def as_lists(rows: Rows) -> tuple[list[dict[str, object]], list[dict[str, object]] | None, int]:
    return rows.records.to_pylist(), None if rows.lines is None else rows.lines.to_pylist(), rows.read


@pytest.mark.parametrize(("resource", "batches"), BATCHES.values(), ids=BATCHES)
def test_rows_come_back_from_a_file_as_from_memory(
    resource: Resource, batches: list[list[str]], tmp_path: Path
) -> None:
    held, filed = filled(resource, batches, None), filled(resource, batches, tmp_path)
    assert (held.is_in_parts, filed.is_in_parts) == (False, True)
    assert held.count() == filed.count()
    assert held.read == filed.read == 2
    (whole,), parts = held.parts(), list(filed.parts())
    assert len(parts) == 2
    assert as_lists(concatenated(parts)) == as_lists(whole)
    assert [as_lists(part) for part in filed.parts()] == [as_lists(part) for part in parts], "and a second time"


def test_values_that_could_not_be_read_come_back_from_a_file_with_their_rows(tmp_path: Path) -> None:
    def batch(record: int, texts: list[str]) -> Rows:
        rows = rows_of(PAYMENT_ITEMS, f'{{"id":{record}}}')
        entries = [{"resource": "payment_items", "key": str(record), "field": "amount", "text": text} for text in texts]
        return replace(rows, rejected=pa.Table.from_pylist(entries, REJECTED_VALUES) if entries else None)

    filed = SpillBuffer(PAYMENT_ITEMS, tmp_path)
    for record, texts in ((1, ["n/a"]), (2, []), (3, ["?"]), (1, [])):
        filed.put(batch(record, texts))
    assert filed.count() == 3
    for _ in range(2):
        found = [None if part.rejected is None else part.rejected["text"].to_pylist() for part in filed.parts()]
        assert found == [None, None, ["?"], None], "the last version of 1 is readable"


def test_a_file_has_no_name_in_its_folder_so_that_no_kill_leaves_one(tmp_path: Path) -> None:
    filed = filled(*BATCHES["days"], tmp_path)
    assert filed.is_in_parts
    assert list(tmp_path.iterdir()) == []


def test_a_little_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert not filled(*BATCHES["days"], tmp_path).is_in_parts


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    with no_file_longer_than(100), pytest.raises(StateError, match="cannot wait there: File too large") as said:
        filled(*BATCHES["days"], tmp_path)
    assert "Free space" in said.value.guidance
    assert list(tmp_path.iterdir()) == []


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    before = limits.getrlimit(limits.RLIMIT_FSIZE)
    limits.setrlimit(limits.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        limits.setrlimit(limits.RLIMIT_FSIZE, before)
