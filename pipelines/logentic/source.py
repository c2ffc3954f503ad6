"""The dlt source: five resources, events and receipts, each one short function.

In: settings. Out: `logentic_source`, for `dlt.pipeline(…).run(logentic_source())`. Raw tables are logs of versions:
a row is appended when what the service says of a record is new, differs, or has ended; nothing is updated. Progress
is read from the receipts that the destination holds, so a package that was dropped skips nothing.
Next: load.py, which runs it; or your own pipeline.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.extract import DltResource
from dlt.extract.source import SourceInjectableContext

from logentic.destination import Destination
from logentic.errors import UsageError
from logentic.keys import check_fingerprint, fingerprint_of, hash_key, pseudonyms
from logentic.rows import Rows, concatenated, empty_rows
from logentic.run import Run
from logentic.schemas import INVENTORY_HISTORY, ITEM_QUANTITIES, ITEMS, ORDER_EVENTS, ORDERS, PAYMENT_ITEMS, Resource
from logentic.session import Session
from logentic.settings import Settings, interval_of_schedule, load_settings, require_token
from logentic.stored import Stored
from logentic.windows import DAY, midnight

# dlt spends 10 ms on each table that it is given, however small.
ROWS_AT_ONCE = 20_000
FINGERPRINT = "key_fingerprint"  # in the state of the source


@dlt.source(name="logentic", max_table_nesting=0)
def logentic_source(run: Any = None, go_on: Any = None, session: Any = None) -> Iterable[DltResource]:
    """Orders, items, stock records, inventory history and charges of one account, and the receipts of what was read.

    For some of them: `logentic_source().with_resources("orders", "extract_windows")`; the receipts always belong to it.

    Args:
        run: a `logentic.run.Run`, for callers that bound or follow a run; by default everything new is read, or
            the days of DLT_INTERVAL_START and DLT_INTERVAL_END, with the settings in force (environment LOGENTIC_…,
            secrets.toml, config.toml).
        go_on: called before each window; False leaves the rest to the next extraction.
        session: a `logentic.session.Session` of that run that has begun to read.

    Raises:
        LogenticError: while dlt extracts, wrapped by dlt, when a resource could not be read; not where the caller gave
            `run`, and looks at `run.failures`.
    """
    shared = _Shared(run, go_on or (lambda: True), session)

    @dlt.resource(write_disposition="append")
    def items() -> Iterator[Any]:
        yield from shared.news(ITEMS)

    @dlt.resource(write_disposition="append")
    def orders() -> Iterator[Any]:
        yield from shared.news(ORDERS)

    @dlt.resource(write_disposition="append")
    def item_quantities() -> Iterator[Any]:
        yield from shared.news(ITEM_QUANTITIES)

    @dlt.resource(write_disposition="append")
    def inventory_history() -> Iterator[Any]:
        yield from shared.news(INVENTORY_HISTORY)

    @dlt.resource(write_disposition="append")
    def payment_items() -> Iterator[Any]:
        yield from shared.news(PAYMENT_ITEMS)

    @dlt.resource(write_disposition="append")
    def order_events() -> Iterator[Any]:
        yield from shared.events()

    @dlt.resource(write_disposition="append")
    def extract_windows() -> Iterator[Any]:
        yield from shared.receipts()

    return items, orders, item_quantities, inventory_history, payment_items, order_events, extract_windows


class _Shared:
    """The session that all resources of one extraction share, opened by the first of them that dlt asks."""

    def __init__(self, run: Run | None, go_on: Callable[[], bool], session: Session | None) -> None:
        self._given = run
        self._go_on = go_on
        self._session = session

    def news(self, resource: Resource) -> Iterator[Any]:
        """Arrow tables; None where others may go on."""
        session = self._open()
        session.running.add(resource.name)
        try:
            yield from _tables(resource, empty_rows(resource))  # the tables exist also where nothing was found
            waiting: list[Rows] = []
            for rows in session.news(resource):
                if rows is None:
                    yield None
                    continue
                waiting.append(rows)
                if sum(len(each.records) for each in waiting) >= ROWS_AT_ONCE:
                    yield from _tables(resource, concatenated(waiting))
                    waiting = []
            if waiting:
                yield from _tables(resource, concatenated(waiting))
        except BaseException:  # an interrupt as well: requests under way would hold the process until they end
            session.stop()
            raise

    def events(self) -> Iterator[Any]:
        """One table, when the orders that events name were asked for."""
        yield ORDER_EVENTS.empty_table()
        session = self._open()
        while ORDERS.name in session.running:
            yield None
        yield session.events.table(session.run.now)

    def receipts(self) -> Iterator[Any]:
        """One table, when the last of the other resources has ended."""
        yield None  # lets the selected resources begin
        session = self._open()
        while session.running:
            yield None
        yield session.close()
        self._session = None
        if self._given is None and session.run.failures:
            raise next(iter(session.run.failures.values()))

    def _open(self) -> Session:
        if self._session is None:
            if "extract_windows" not in Container()[SourceInjectableContext].source.selected_resources:
                raise UsageError(
                    "with_resources() leaves out extract_windows",
                    "Select it as well: without receipts the next run knows nothing of this one and loads all again.",
                )
            pipeline = dlt.current.pipeline()
            run = self._given
            if run is None:
                settings = load_settings()
                require_token(settings)
                first, last = interval_of_schedule()
                folder = Path(pipeline.working_dir)
                _check_key(settings, folder, pipeline.pipeline_name)
                run = Run(
                    settings,
                    pseudonyms(settings, folder),
                    folder,
                    start=midnight(first) if first else None,
                    end=midnight(last) + DAY if last else None,
                )
            self._session = Session(run, Stored(Destination(pipeline)), self._go_on)
        return self._session


def _check_key(settings: Settings, folder: Path, name: str) -> None:
    """Refuse another key than the one of earlier loads: dlt's state, which the destination keeps, knows it."""
    state, key = dlt.current.source_state(), hash_key(settings, folder)
    if FINGERPRINT in state:
        check_fingerprint(f"the destination of pipeline {name}", state[FINGERPRINT], key)
    else:
        state[FINGERPRINT] = fingerprint_of(key)


def _tables(resource: Resource, rows: Rows) -> Iterator[Any]:
    for start in range(0, max(len(rows.records), 1), ROWS_AT_ONCE):
        yield rows.records.slice(start, ROWS_AT_ONCE)
    if resource.lines and rows.lines is not None:
        hints = dlt.mark.make_hints(table_name=resource.lines.table, write_disposition="append", primary_key="")
        yield dlt.mark.with_hints(rows.lines, hints, create_table_variant=True)
