"""Windows that are too large for memory wait in a file until they are proven, and are compared part by part."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from json_pages import AS_IT_IS
from raw_tables import raw_differences
from tiny_service import Asked, Reply, TinyService, page, settings_for

from logentic.api.client import Client
from logentic.extract import reader as extraction
from logentic.extract import spill_buffer as buffer
from logentic.extract.reader import WindowReader
from logentic.extract.windows import Window, midnight
from logentic.job import JobOptions, JobResult, run_job
from logentic.resources import INVENTORY_HISTORY
from logentic.sandbox import Account, Readings, Sandbox
from logentic.settings import Settings

TODAY = date(2026, 3, 17)


@contextmanager
def nothing_held() -> Iterator[None]:
    """Every page is a part of its own, and waits in a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "BATCH_BYTES", 1)
        patch.setattr(buffer, "HELD_BYTES", 0)
        patch.setattr(buffer, "PART_BYTES", 0)
        yield


def account() -> Account:
    return Account(seed=53, scale=0.1, days=30, today=TODAY)


def run(sandbox: Sandbox, file: Path) -> JobResult:
    return run_job(Settings(base_url=sandbox.url, api_token=sandbox.token), file, JobOptions(models=False))


def receipts(outcome: JobResult) -> list[tuple[object, ...]]:
    counted = ("total_announced", "rows_read", "distinct_keys", "rows_new", "rows_changed", "rows_removed")
    kept = ("resource", "filter", "window_start", *counted, "is_complete", "is_confirmed", "reason")
    return sorted(tuple(str(receipt[name]) for name in kept) for receipt in outcome.loaded.receipts)


def change(sandbox: Sandbox) -> None:
    """What a comparison has to find: new, changed, vanished, moved out of its window."""
    sandbox.clock.advance(timedelta(hours=1))
    charges, orders = sandbox.state().rows("payment_items"), sandbox.state().rows("orders")
    new = {name: value for name, value in charges[-1].items() if name != "id"}
    sandbox.insert("payment_items", new)
    sandbox.remove("payment_items", charges[-1]["id"])
    sandbox.alter("payment_items", charges[-2]["id"], amount=Decimal("7.77"))
    sandbox.remove("items", min(item["id"] for item in sandbox.state().rows("items")))
    sandbox.alter("orders", orders[0]["id"], status="CANCELLED", stored_items=orders[0]["stored_items"][:1])
    sandbox.restate_day(TODAY - timedelta(days=2), supply=7, prepared=0)
    sandbox.restate_day(TODAY - timedelta(days=3))


def test_what_waited_in_files_is_stored_compared_and_proven_as_what_was_held(tmp_path: Path) -> None:
    found = []
    for name, way in (("held", pytest.MonkeyPatch.context), ("filed", nothing_held)):
        with Sandbox(account(), readings=Readings(page_size="capped")) as sandbox, way():
            outcomes = [run(sandbox, tmp_path / name) for _ in range(2)]
            assert outcomes[1].loaded.changes == 0
            change(sandbox)
            outcomes += [run(sandbox, tmp_path / name) for _ in range(3)]
            assert raw_differences(tmp_path / name, sandbox) == {}
            assert outcomes[-1].loaded.changes == 0
            found.append([receipts(outcome) for outcome in outcomes])
        left = sorted(path.name for path in (tmp_path / f"{name}.state").iterdir())
        assert not [name for name in left if name.startswith("window-")]
    held, filed = found
    assert filed == held


def test_a_window_of_any_size_is_read_in_the_memory_of_a_few_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured is what Arrow holds while pages are read, and while the rows are handed on."""
    monkeypatch.setattr(extraction, "BATCH_BYTES", 2**16)
    monkeypatch.setattr(buffer, "HELD_BYTES", 2**16)
    monkeypatch.setattr(buffer, "PART_BYTES", 2**15)
    day, text = midnight(date(2026, 3, 1)), "x" * 900
    window = Window("inventory_history", "date", day, day + timedelta(days=1))

    def history(request: Asked) -> Reply:
        number = int(request.query.get("page", "1"))
        rows = [{"id": 100 * number + n, "name": text, "date": "2026-03-01"} for n in range(100)]
        more = {"next": f"{service.url}{INVENTORY_HISTORY.path}?page={number + 1}"} if number < pages else []
        return page(rows, total=100 * pages, pages=pages, number=number, links=more)

    most = {}
    with TinyService(history) as service:
        for pages in (20, 100):
            reader = WindowReader(
                Client(settings_for(service.url)), AS_IT_IS, connections=1, window_pages=1000, folder=tmp_path
            )
            before, held = pa.total_allocated_bytes(), [0]
            for reading in filter(None, reader.readings(INVENTORY_HISTORY, [window])):
                held.append(pa.total_allocated_bytes() - before)
                for rows in reading.parts():
                    held.append(pa.total_allocated_bytes() - before)
                    assert len(rows.records) <= 100
                assert (reading.is_complete, reading.keys) == (True, 100 * pages)
            reader.close()
            most[pages] = max(held)
    assert most[100] < 2**20, "of nine megabytes"
