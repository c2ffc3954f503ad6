"""Windows are read until they are whole, and one that is not says so: against the sandbox, over real HTTP."""

import gc
import itertools
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from json_pages import AS_IT_IS
from tiny_service import Asked, Reply, TinyService, page

from logentic.api.client import Client
from logentic.errors import Forbidden, Refused, UnsafeLink
from logentic.extract.parsing import Rows
from logentic.extract.reader import Progress, Reading, WindowReader
from logentic.extract.windows import Edge, Window, midnight
from logentic.resources import INVENTORY_HISTORY, ITEM_QUANTITIES, ITEMS, ORDERS, PAYMENT_ITEMS, RESOURCES, Resource
from logentic.sandbox import Account, Clock, Fault, Readings, Sandbox
from logentic.settings import Settings

NOW = datetime(2026, 3, 17, 12, tzinfo=UTC)
BEGINNING, TOMORROW = midnight(date(2015, 1, 1)), midnight(date(2026, 3, 18))
WHOLE = {
    "orders": Window("orders", "updated_day", BEGINNING, NOW, Edge.OPEN, Edge.OPEN),
    "items": Window("items", "snapshot", NOW, NOW, Edge.OPEN, Edge.OPEN),
    "item_quantities": Window("item_quantities", "updated_at", BEGINNING, NOW, Edge.OPEN, Edge.OPEN),
    "inventory_history": Window("inventory_history", "date", BEGINNING, TOMORROW, Edge.OPEN, Edge.OPEN),
    "payment_items": Window("payment_items", "payment_date", BEGINNING, TOMORROW, Edge.OPEN, Edge.OPEN),
}
CUT = sorted(set(WHOLE) - {"items"})


@pytest.fixture(scope="module")
def account() -> Account:
    """Never changed: a test that changes an account makes its own."""
    return new_account()


def new_account() -> Account:
    return Account(seed=31, scale=0.3, days=70, today=NOW.date())


@contextmanager
def extraction(url: str, token: str = "x", **options: Any) -> Iterator[WindowReader]:
    settings = Settings(base_url=url, api_token=token, retry_seconds=0.1)
    options = {"connections": 2, "window_pages": 40, **options}
    reader = WindowReader(Client(settings), AS_IT_IS, **options)
    try:
        yield reader
    finally:
        reader.close()


def read(sandbox: Sandbox, resource: Resource, **options: Any) -> list[Reading]:
    with extraction(sandbox.url, sandbox.token, **options) as reader:
        readings = [reading for reading in reader.readings(resource, [WHOLE[resource.name]]) if reading]
        assert reader.failures == {}
    return readings


def keys(resource: Resource, rows: Rows | list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    columns = [name for name in resource.key if name != "warehouse_id"]
    records = rows.records.to_pylist() if isinstance(rows, Rows) else rows
    return [tuple(record[name] for name in columns) for record in records]


def assert_whole_and_once(sandbox: Sandbox, resource: Resource, readings: list[Reading]) -> None:
    """Every row that the account has, and no row in two windows."""
    read_keys = [key for reading in readings for key in keys(resource, reading.rows)]
    assert sorted(read_keys) == sorted(keys(resource, list(sandbox.state().rows(resource.name))))
    assert len(read_keys) > 10


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_a_window_read_whole_says_what_proves_it(account: Account, resource: Resource) -> None:
    with Sandbox(account) as sandbox:
        (reading,) = read(sandbox, resource)
        assert_whole_and_once(sandbox, resource, [reading])
    assert (reading.is_complete, reading.reason) == (True, None)
    assert reading.total == reading.keys == reading.rows.read == len(reading.rows.records)
    assert reading.started_at == reading.finished_at == NOW
    one_way = resource.name in ("orders", "item_quantities")
    assert reading.is_confirmed == (one_way or reading.requests == 1), (
        "rows that come and go prove nothing on many pages"
    )
    assert reading.bytes > 0


@pytest.mark.parametrize("name", CUT)
def test_a_window_of_too_many_pages_is_cut_and_the_totals_prove_the_cut(account: Account, name: str) -> None:
    with Sandbox(account) as sandbox:
        readings = read(sandbox, RESOURCES[name], window_pages=1)
        assert_whole_and_once(sandbox, RESOURCES[name], readings)
    assert len(readings) > 1
    windows = sorted((reading.window for reading in readings), key=lambda window: window.start)
    assert (windows[0].start, windows[-1].end) == (WHOLE[name].start, WHOLE[name].end)
    assert all(one.end == other.start for one, other in itertools.pairwise(windows))
    if name == "payment_items":  # a charge that spans a cut lies in both halves: the totals cannot add up
        return
    assert {edge for window in windows for edge in (window.before, window.after)} == {Edge.OPEN, Edge.EXACT}
    assert all(reading.is_complete for reading in readings)


AWKWARD = {
    "ends are excluded": Readings(is_end_inclusive=False),
    "starts are excluded": Readings(is_start_strict=True),
    "both are excluded": Readings(is_end_inclusive=False, is_start_strict=True),
    "days are of another zone": Readings(filter_zone="account"),
    "pages are small": Readings(page_size="capped"),
}


@pytest.mark.parametrize("readings", AWKWARD.values(), ids=AWKWARD)
@pytest.mark.parametrize("name", CUT)
def test_whatever_the_filters_mean_every_row_is_read_and_belongs_to_one_window(name: str, readings: Readings) -> None:
    account = Account(seed=31, scale=0.3, days=70, today=NOW.date(), timezone="America/Toronto")
    with Sandbox(account, readings=readings, clock=Clock(NOW)) as sandbox:
        found = read(sandbox, RESOURCES[name], window_pages=2)
        assert_whole_and_once(sandbox, RESOURCES[name], found)
    assert len(found) > 1


def test_a_cut_that_loses_days_is_made_with_margins(account: Account) -> None:
    with Sandbox(account, readings=Readings(is_end_inclusive=False)) as sandbox:
        readings = read(sandbox, INVENTORY_HISTORY, window_pages=2)
    edges = {edge for reading in readings for edge in (reading.window.before, reading.window.after)}
    assert Edge.SHARED in edges


def test_a_total_that_lies_ends_as_incomplete(account: Account) -> None:
    with Sandbox(account, faults=[Fault("false_total", path="/v1/items", times=None)]) as sandbox:
        (reading,) = read(sandbox, ITEMS)
    assert (reading.is_complete, reading.is_confirmed) == (False, False)
    assert reading.reason == f"{reading.keys + 1} rows were announced and {reading.keys} read"


def test_a_total_that_lied_once_is_asked_again(account: Account) -> None:
    with Sandbox(account, faults=[Fault("false_total", path="/v1/items", times=1)]) as sandbox:
        (reading,) = read(sandbox, ITEMS)
    assert reading.is_complete


def test_a_page_without_its_rows_is_noticed(account: Account) -> None:
    with Sandbox(account, faults=[Fault("empty_page", path="/v1/items", times=None)]) as sandbox:
        (reading,) = read(sandbox, ITEMS)
    assert (reading.is_complete, len(reading.rows.records)) == (False, 0)
    assert "0 read" in str(reading.reason)


@pytest.mark.parametrize("is_once", [True, False])
def test_a_list_that_moves_while_it_is_read_is_read_again_or_said_to_be_incomplete(is_once: bool) -> None:
    with Sandbox(new_account(), readings=Readings(page_size="capped")) as sandbox:

        def insert(path: str, query: dict[str, str], number: int) -> None:
            if path == "/v1/orders" and query.get("page", "1") != "1" and (not is_once or number < 4):
                sandbox.insert("orders", {"status": "PENDING", "updated_at": NOW, "stored_items": []})

        sandbox.before_response(insert)
        readings = read(sandbox, ORDERS)
        if is_once:
            assert_whole_and_once(sandbox, ORDERS, readings)
    assert all(reading.is_complete for reading in readings) == is_once
    if not is_once:
        assert "the announced total moved between" in str([reading.reason for reading in readings])


def test_a_resource_that_is_refused_does_not_stop_the_others(account: Account) -> None:
    with (
        Sandbox(account, faults=[Fault("forbidden", path="/v1/orders", times=None)]) as sandbox,
        extraction(sandbox.url, sandbox.token) as reader,
    ):
        both = {name: reader.readings(RESOURCES[name], [WHOLE[name]]) for name in ("orders", "items")}
        found: dict[str, list[Reading]] = {name: [] for name in both}
        while both:
            for name, readings in list(both.items()):
                try:
                    found[name] += filter(None, [next(readings)])
                except StopIteration:
                    del both[name]
        assert list(reader.failures) == ["orders"]
        assert isinstance(reader.failures["orders"], Forbidden)
        assert found["orders"] == []
        assert_whole_and_once(sandbox, ITEMS, found["items"])


def test_a_reading_that_was_handed_on_is_not_kept(account: Account) -> None:
    """An account of any size is read in the memory of a few windows."""
    days = [midnight(date(2026, 2, 1)) + timedelta(days=n) for n in range(20)]
    windows = [Window("inventory_history", "date", day, day + timedelta(days=1)) for day in days]
    alive: list[weakref.ref[pa.Table]] = []
    most = 0
    with Sandbox(account) as sandbox, extraction(sandbox.url, sandbox.token, connections=1) as reader:
        for reading in reader.readings(INVENTORY_HISTORY, windows):
            if reading is None:
                continue
            alive.append(weakref.ref(reading.rows.records))
            del reading
            gc.collect()
            most = max(most, sum(table() is not None for table in alive))
    assert len(alive) == 20
    assert most <= 2


def test_large_windows_that_cannot_be_cut_are_read_one_at_a_time() -> None:
    """Each is held whole until it is proven; windows of a usual size go on beside it."""
    days = [midnight(date(2026, 3, day)) for day in (1, 2, 3)]
    windows = [Window("inventory_history", "date", day, day + timedelta(days=1)) for day in days]
    pages = 8

    def history(request: Asked) -> Reply:
        time.sleep(0.02)  # long enough for another window to come between
        number = int(request.query.get("page", "1"))
        more = {"next": f"{service.url}{INVENTORY_HISTORY.path}?page={number + 1}"} if number < pages else []
        row = {"id": number, "date": request.query["start"], "warehouse_id": 1}
        return page([row], total=pages, pages=pages, number=number, links=more)

    with TinyService(history) as service, extraction(service.url, window_pages=2) as reader:
        readings = [reading for reading in reader.readings(INVENTORY_HISTORY, windows) if reading]
        assert reader.failures == {}
    assert sorted(reading.window.start for reading in readings) == days
    assert [(reading.is_complete, reading.requests) for reading in readings] == [(True, pages)] * len(days)
    read = [request.query["start"] for request in service.asked if "page" in request.query]
    assert read == [day for day, _ in itertools.groupby(read) for _ in range(pages - 1)]


def test_a_run_that_must_stop_leaves_windows_for_its_next_part_and_yet_gets_on(account: Account) -> None:
    days = [midnight(date(2026, 3, day)) for day in range(1, 11)]
    windows = [Window("inventory_history", "date", day, day + timedelta(days=1)) for day in days]
    with (
        Sandbox(account) as sandbox,
        extraction(sandbox.url, sandbox.token, go_on=lambda: False, connections=1) as reader,
    ):
        readings = [reading for reading in reader.readings(INVENTORY_HISTORY, windows) if reading]
        assert reader.unread == {"inventory_history"}
    assert [reading.window for reading in readings] == windows[: len(readings)]
    assert 1 <= len(readings) < 3


@pytest.mark.parametrize(("largest", "asked"), [(250, ["250"]), (100, ["250", "100"]), (0, ["250", "100", None])])
def test_a_page_size_that_the_service_refuses_is_lowered_once(largest: int, asked: list[str | None]) -> None:
    def choosy(request: Asked) -> Reply:
        too_large = int(request.query.get("per_page", "0")) > largest
        return Reply(422, "{}") if too_large else page([{"id": 1}])

    with TinyService(choosy) as service, extraction(service.url) as reader:
        for _ in range(2):
            (reading,) = filter(None, reader.readings(ITEMS, [WHOLE["items"]]))
            assert reading.is_complete
    assert [request.query.get("per_page") for request in service.asked] == [*asked, asked[-1]]


def test_a_list_that_is_refused_at_every_page_size_is_a_failure() -> None:
    with TinyService(Reply(422, "{}")) as service, extraction(service.url) as reader:
        assert list(filter(None, reader.readings(ITEMS, [WHOLE["items"]]))) == []
        assert isinstance(reader.failures["items"], Refused)
    assert len(service.asked) == 3


def test_progress_is_told_by_pages_and_rows(account: Account) -> None:
    told: list[tuple[str, str, int]] = []

    class Listener(Progress):
        def announced(self, resource: str, pages: int) -> None:
            told.append(("announced", resource, pages))

        def read(self, resource: str, rows: int) -> None:
            told.append(("read", resource, rows))

    with Sandbox(account, readings=Readings(page_size="capped")) as sandbox:
        (reading,) = read(sandbox, PAYMENT_ITEMS, progress=Listener(), window_pages=1000)
    pages = [rows for kind, _, rows in told if kind == "read"]
    assert told[0] == ("announced", "payment_items", len(pages))
    assert sum(pages) == reading.rows.read
    assert reading.requests == len(pages)


def test_versions_of_a_record_that_is_updated_in_place_count_once() -> None:
    """Read on two pages with two times, it is one record of the list, and two versions to keep."""
    times = ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"]
    with TinyService() as service:
        link = {"next": f"{service.url}/items/item_quantities?page=2"}
        service.replies = [
            page([{"id": 1, "updated_at": times[0]}], total=1, pages=2, links=link),
            page([{"id": 1, "updated_at": times[1]}], total=1, pages=2, number=2),
        ]
        with extraction(service.url) as reader:
            (reading,) = filter(None, reader.readings(ITEM_QUANTITIES, [WHOLE["item_quantities"]]))
    assert (reading.keys, len(reading.rows.records), reading.is_complete) == (1, 2, True)


def test_a_number_of_pages_that_no_next_link_bears_out_costs_no_requests() -> None:
    row = {"id": 1, "item_id": 7, "updated_at": "2026-03-01T00:00:00Z", "supply": 1}
    with TinyService(page([row], total=9 * 10**18, pages=10**6)) as service, extraction(service.url) as reader:
        window = replace(WHOLE["item_quantities"], start=midnight(date(2026, 1, 1)))
        readings = [each for each in reader.readings(ITEM_QUANTITIES, [window]) if each]
    assert not any(reading.is_complete for reading in readings)
    assert len(service.asked) < 1000


def test_rows_that_come_again_and_again_with_other_values_are_an_error_and_no_loop() -> None:
    """An absurd total does not bound the pages, and no two of them are equal."""

    def reply(asked: Asked) -> Reply:
        number = int(asked.query.get("page", 1))
        link = f"{service.url}/items?page={number + 1}"
        return page([{"id": 1, "name": f"mug {number}"}], total=10**9, pages=10**9, links={"next": link})

    with TinyService(reply) as service, extraction(service.url) as reader:
        assert not any(reader.readings(ITEMS, [WHOLE["items"]]))
        failure = reader.failures["items"]
    assert isinstance(failure, UnsafeLink)
    assert "the list repeats rows that were already read" in str(failure)
    assert len(service.asked) < 100
