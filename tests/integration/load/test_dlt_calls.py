"""Ordinary calls of a dlt user: limits, filters, maps, dispositions, refreshes. None of them loses rows or hangs."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from dlt.common.pipeline import LoadInfo
from dlt.pipeline.exceptions import PipelineStepFailed

from logentic import logentic_source
from logentic.sandbox import Account, Fault, Sandbox

TODAY = date(2026, 3, 17)
HANGS_AFTER = 90  # seconds
TABLES = ("orders", "orders__stored_items", "items", "item_quantities", "inventory_history", "payment_items")
Counts = dict[str, int]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Account(seed=51, scale=0.1, days=15, today=TODAY)) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _settings(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small tables, so that there are several of each resource. A call that hangs is an error."""
    monkeypatch.setenv("LOGENTIC_BASE_URL", sandbox.url)
    monkeypatch.setenv("LOGENTIC_API_TOKEN", sandbox.token)
    monkeypatch.setattr("logentic.load.source.ROWS_AT_ONCE", 8)

    def hangs(*_: object) -> None:
        raise TimeoutError("the call hangs")

    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(HANGS_AFTER)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


class Shop:
    """One pipeline into a file of its own."""

    def __init__(self, folder: Path, name: str = "mine", **options: Any) -> None:
        self.file = folder / f"{name}.duckdb"
        self.folder = folder / "dlt"
        self._name, self._options = name, options

    @property
    def pipeline(self) -> dlt.Pipeline:
        return dlt.pipeline(
            self._name,
            destination=dlt.destinations.duckdb(str(self.file)),
            dataset_name="shop",
            pipelines_dir=str(self.folder),
            **self._options,
        )

    def run(self, source: Any = None, **options: Any) -> LoadInfo:
        return self.pipeline.run(source or logentic_source(), **options)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file), read_only=True) as database:
            return database.execute(sql).fetchall()

    def counts(self, dataset: str = "shop") -> Counts:
        """Rows by table; a table that is not there has none."""
        there = {name for (name,) in self.query("select table_name from information_schema.tables")}
        return {
            name: self.query(f"select count(*) from {dataset}.{name}")[0][0] if name in there else 0 for name in TABLES
        }

    def resources_with_receipts(self) -> set[str]:
        return {name for (name,) in self.query("select distinct resource from shop.extract_windows")}


def whole(sandbox: Sandbox) -> Counts:
    state = sandbox.state()
    counts = {name: len(list(state.rows(name))) for name in TABLES if name != "orders__stored_items"}
    lines = sum(len(order["stored_items"]) for order in state.rows("orders"))
    assert all(counts.values())
    assert lines > counts["orders"]
    return {**counts, "orders__stored_items": lines}


@pytest.mark.parametrize(
    ("of", "limit"),
    [
        *(("orders", limit) for limit in (1, 3, 1000)),
        *(("orders of some", limit) for limit in (0, 1, 2, 3)),
        *(("the source", limit) for limit in (0, 1, 3)),
    ],
)
def test_a_limit_returns_and_two_later_runs_load_every_row_once(
    sandbox: Sandbox, tmp_path: Path, of: str, limit: int
) -> None:
    shop = Shop(tmp_path)
    source = logentic_source()
    if of == "orders of some":
        source = source.with_resources("orders", "extract_windows")
    (source if of == "the source" else source.orders).add_limit(limit)
    shop.run(source)
    with_receipts = shop.resources_with_receipts() if limit or of != "the source" else set()
    assert ("orders" in with_receipts) == (limit == 1000), "a limit that was reached leaves no receipts"
    assert of != "orders" or set(TABLES) - {"orders__stored_items", "orders"} <= with_receipts
    for _ in range(2):
        shop.run()
    assert shop.counts() == whole(sandbox)


@pytest.mark.parametrize(
    "limit",
    [{"max_time": 0.000001}, {"max_items": 5, "count_rows": True}, {"max_items": 1_000_000, "count_rows": True}],
)
def test_a_limit_by_time_or_rows_leaves_no_receipt_of_rows_that_it_dropped(
    sandbox: Sandbox, tmp_path: Path, limit: dict[str, Any]
) -> None:
    shop = Shop(tmp_path)
    shop.run(logentic_source().add_limit(**limit))
    for _ in range(2):
        shop.run()
    assert shop.counts() == whole(sandbox)


@pytest.mark.parametrize("limit", [2, 3, 5, 9])
def test_a_limit_behind_a_map_that_yields_loses_nothing(sandbox: Sandbox, tmp_path: Path, limit: int) -> None:
    def row_by_row(table: pa.Table) -> Iterator[pa.Table]:
        for start in range(0, max(len(table), 1), 7):
            yield table.slice(start, 7)

    shop = Shop(tmp_path)
    source = logentic_source()
    source.orders.add_yield_map(row_by_row).add_limit(limit)
    shop.run(source)
    for _ in range(2):
        shop.run()
    found = shop.query("select count(distinct id) from shop.orders")[0][0]
    latest = shop.query(
        "select count(*) from shop.orders__stored_items as lines join ("
        " select id, max(_seen_at) as _seen_at from shop.orders group by id) as orders"
        " on orders.id = lines.order_id and orders._seen_at = lines._seen_at"
    )
    assert (found, latest[0][0]) == (whole(sandbox)["orders"], whole(sandbox)["orders__stored_items"])


@pytest.mark.parametrize(
    ("of", "limit"),
    [("the source", None), *((of, limit) for of in ("items", "orders", "the source") for limit in (1, 2, 3))],
)
def test_parallel_resources_lose_nothing(sandbox: Sandbox, tmp_path: Path, of: str, limit: int | None) -> None:
    """Slow answers: dlt reaches a limit while a resource waits for one."""
    sandbox.latency = 0.01
    shop = Shop(tmp_path)
    source = logentic_source().parallelize()
    if limit:
        (source if of == "the source" else source.resources[of]).add_limit(limit)
    shop.run(source)
    if not limit:
        assert shop.counts() == whole(sandbox)
    for _ in range(2):
        shop.run()
    assert shop.counts() == whole(sandbox)


@pytest.mark.parametrize("mode", ["fifo", "round_robin"])
def test_the_order_in_which_dlt_asks_resources_does_not_matter(
    sandbox: Sandbox, tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTRACT__NEXT_ITEM_MODE", mode)
    shop = Shop(tmp_path)
    source = logentic_source()
    source.items.add_limit(2)
    shop.run(source)
    for _ in range(2):
        shop.run()
    assert shop.counts() == whole(sandbox)


def test_filters_and_maps_get_arrow_tables_and_what_they_remove_counts_as_read(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    shop = Shop(tmp_path)
    seen: list[type] = []
    first = next(iter(sandbox.state().rows("orders")))
    one, its_lines = first["id"], len(first["stored_items"])

    def source() -> Any:
        made = logentic_source()
        made.orders.add_map(lambda table: seen.append(type(table)) or table.filter(pc.field("id") != one))
        made.items.add_filter(lambda table: table.num_rows > 0)
        made.payment_items.add_filter(lambda table: False)
        return made

    shop.run(source())
    loaded = {**whole(sandbox), "payment_items": 0}
    loaded["orders"] -= 1
    loaded["orders__stored_items"] -= its_lines
    assert shop.counts() == loaded
    assert set(seen) == {pa.Table}
    shop.run(source())
    assert shop.counts() == loaded


def test_an_exception_in_a_map_fails_the_run_and_the_same_source_goes_on(sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    source, fails = logentic_source(), [True]

    def fail_once(table: pa.Table) -> pa.Table:
        if len(table) and fails.pop():
            raise ValueError("a map of the user")
        return table

    source.orders.add_map(lambda table: fail_once(table) if fails else table)
    with pytest.raises(PipelineStepFailed, match="a map of the user"):
        shop.run(source)
    shop.run(source)
    assert shop.counts() == whole(sandbox)
    shop.run(source)
    assert shop.counts() == whole(sandbox)


def test_a_map_that_renames_the_table_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    source = logentic_source()
    source.orders.add_map(lambda table: dlt.mark.with_table_name(table, "elsewhere"))
    with pytest.raises(Exception, match="a map gave something else than"):
        Shop(tmp_path).run(source)


REPLACED: list[tuple[str, Callable[[Any], Any], dict[str, Any]]] = [
    ("items", lambda source: source.items.apply_hints(write_disposition="replace"), {}),
    ("orders", lambda source: source.orders.apply_hints(write_disposition="merge", primary_key="id"), {}),
    ("orders", lambda source: setattr(source.orders, "write_disposition", "skip"), {}),
    (
        "items",
        lambda source: source.items.apply_hints(write_disposition={"disposition": "merge", "strategy": "scd2"}),
        {},
    ),
    ("items", lambda source: None, {"write_disposition": "replace"}),
    ("items", lambda source: None, {"write_disposition": {"disposition": "merge", "strategy": "upsert"}}),
    (
        "extract_windows",
        lambda source: source.resources["extract_windows"].apply_hints(write_disposition="replace"),
        {},
    ),
]


@pytest.mark.parametrize(("name", "change", "options"), REPLACED)
def test_a_write_disposition_that_replaces_rows_is_refused(
    sandbox: Sandbox, tmp_path: Path, name: str, change: Callable[[Any], Any], options: dict[str, Any]
) -> None:
    shop, source = Shop(tmp_path), logentic_source()
    change(source)
    with pytest.raises(Exception, match=f"{name}: write_disposition .* would remove versions"):
        shop.run(source, **options)
    assert not sandbox.requests
    shop.run(write_disposition="append")
    assert shop.counts() == whole(sandbox)


@pytest.mark.parametrize("file_format", ["jsonl", "model"])
def test_a_file_format_without_types_is_refused_and_blocks_no_later_run(
    sandbox: Sandbox, tmp_path: Path, file_format: Any
) -> None:
    shop, source = Shop(tmp_path), logentic_source()
    source.items.apply_hints(file_format=file_format)
    for refused, options in ((source, {}), (logentic_source(), {"loader_file_format": file_format})):
        with pytest.raises(Exception, match=f"loader_file_format {file_format} has no types"):
            shop.run(refused, **options)
    assert not sandbox.requests
    shop.run(loader_file_format="parquet")
    assert shop.counts() == whole(sandbox)
    shop.run(loader_file_format="insert_values")
    shop.run()
    assert shop.counts() == whole(sandbox)


def test_another_table_name_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    source = logentic_source()
    source.orders.apply_hints(table_name="my_orders")
    with pytest.raises(Exception, match="orders: its table has another name"):
        Shop(tmp_path).run(source)
    with pytest.raises(Exception, match="its table has another name"):
        Shop(tmp_path).run(table_name="everything")


@pytest.mark.parametrize("mode", ["drop_sources", "drop_data", "drop_resources"])
@pytest.mark.parametrize("of", ["the run", "the pipeline", "some resources"])
def test_after_a_refresh_everything_is_read_again(sandbox: Sandbox, tmp_path: Path, mode: Any, of: str) -> None:
    shop = Shop(tmp_path)
    for _ in range(2):
        shop.run()
    if of == "the pipeline":
        Shop(tmp_path, refresh=mode).run()
    elif of == "the run":
        shop.run(refresh=mode)
    else:
        shop.run(logentic_source().with_resources("orders", "extract_windows"), refresh=mode)
        shop.run()
    assert shop.counts() == whole(sandbox)
    shop.run()
    assert shop.counts() == whole(sandbox)


@pytest.mark.parametrize("dropped", [["orders"], ["items", "payment_items"], ["--drop-all"]])
def test_what_the_command_of_dlt_drops_is_read_again(sandbox: Sandbox, tmp_path: Path, dropped: list[str]) -> None:
    shop = Shop(tmp_path)
    shop.run()
    command = [str(Path(sys.executable).with_name("dlt")), "--yes", "pipeline"]
    environment = {**os.environ, "DESTINATION__DUCKDB__CREDENTIALS": str(shop.file)}
    done = subprocess.run(
        [*command, "--pipelines-dir", str(shop.folder), "mine", "drop", *dropped],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    gone = set(TABLES) if dropped == ["--drop-all"] else {*dropped}
    assert not any(shop.counts()[name] for name in gone), done.stdout
    for _ in range(2):
        shop.run()
        assert shop.counts() == whole(sandbox)


def test_a_pipeline_whose_folder_was_dropped_goes_on_from_its_receipts(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGENTIC_HASH_KEY", "kept elsewhere")
    shop = Shop(tmp_path)
    shop.run()
    shop.pipeline.drop()
    shop.run()
    assert shop.counts() == whole(sandbox)


def test_each_run_in_dev_mode_loads_everything(sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(tmp_path, dev_mode=True)
    datasets = [shop.run().dataset_name for _ in range(2)]
    assert len({*datasets}) == 2
    for dataset in datasets:
        assert shop.counts(dataset) == whole(sandbox)


def test_two_accounts_load_side_by_side(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other, and at the same time in two threads."""
    with Sandbox(Account(seed=52, scale=0.1, days=10, today=TODAY)) as other:
        shops = {"first": (Shop(tmp_path, "first"), sandbox), "second": (Shop(tmp_path, "second"), other)}
        sources = {name: logentic_source() for name in shops}
        for name, (shop, account) in shops.items():
            monkeypatch.setenv("LOGENTIC_BASE_URL", account.url)
            monkeypatch.setenv("LOGENTIC_API_TOKEN", account.token)
            shop.run(sources[name])
        for shop, account in shops.values():
            assert shop.counts() == whole(account)


def test_two_sources_in_one_run_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="two sources of logentic were given to one run"):
        Shop(tmp_path).run([logentic_source(), logentic_source()])


def test_two_pipelines_in_two_threads_load_everything(sandbox: Sandbox, tmp_path: Path) -> None:
    shops = [Shop(tmp_path, "one"), Shop(tmp_path, "two")]
    pipelines = [shop.pipeline for shop in shops]
    failures: list[BaseException] = []

    def run(pipeline: dlt.Pipeline) -> None:
        try:
            pipeline.activate()
            pipeline.run(logentic_source())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(pipeline,)) for pipeline in pipelines]
    for thread in threads:
        thread.start()
        thread.join()
    assert failures == []
    for shop in shops:
        assert shop.counts() == whole(sandbox)


def test_extraction_and_loading_in_steps_is_the_same(sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    pipeline = shop.pipeline
    for _ in range(2):
        pipeline.extract(logentic_source())
        pipeline.normalize()
        pipeline.load()
        assert shop.counts() == whole(sandbox)


def test_a_second_extraction_before_the_first_is_loaded_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    pipeline = shop.pipeline
    pipeline.extract(logentic_source())
    with pytest.raises(Exception, match="a package with receipts is not loaded yet"):
        pipeline.extract(logentic_source())
    pipeline.normalize()
    pipeline.load()
    assert shop.counts() == whole(sandbox)


@pytest.mark.parametrize("what", ["the source", "a resource"])
def test_iteration_without_a_pipeline_is_one_clear_error(sandbox: Sandbox, what: str) -> None:
    source = logentic_source()
    with pytest.raises(Exception, match=r"logentic_source\(\) was iterated without a pipeline"):
        list(source if what == "the source" else source.orders)
    assert not sandbox.requests


def test_orders_that_only_a_transformer_reads_are_read_again_for_their_own_table(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    @dlt.transformer(write_disposition="append")
    def order_ids(table: pa.Table) -> Any:
        return table.select(["id"]) if "id" in table.column_names else None

    shop, source = Shop(tmp_path), logentic_source()
    source.resources.add(source.orders | order_ids)
    shop.run(source.with_resources("order_ids", "extract_windows"))
    assert shop.query("select count(distinct id) from shop.order_ids") == [(whole(sandbox)["orders"],)]
    shop.run()
    assert shop.counts() == whole(sandbox)


def test_a_refused_resource_is_an_error_also_where_receipts_are_limited(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults = [Fault("forbidden", path="/v1/orders", times=None)]
    source = logentic_source()
    source.resources["extract_windows"].add_limit(1)
    with pytest.raises(Exception, match="orders"):
        Shop(tmp_path).run(source)


def test_an_order_of_a_limited_run_that_is_gone_by_the_next_one_is_marked_as_removed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """The limited run leaves rows without receipts: the next one looks up which of them the list lacks."""
    shop, source = Shop(tmp_path), logentic_source()
    source.orders.add_limit(2)
    shop.run(source)
    (gone,) = shop.query("select max(id) from shop.orders")[0]
    sandbox.remove("orders", gone)
    for _ in range(2):
        shop.run()
    assert shop.query("select distinct id from shop.orders where _is_removed") == [(gone,)]
