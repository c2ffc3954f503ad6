"""The dlt source: the resources, events and receipts of one account."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Self
from weakref import WeakValueDictionary

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ContextDefaultCannotBeCreated
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.schema.typing import TColumnSchema
from dlt.common.storages.load_package import LoadPackageStateInjectableContext
from dlt.extract import DltResource, DltSource
from dlt.extract.items import DataItemWithMeta
from dlt.extract.items_transform import ItemTransform, LimitItem, YieldMapItem
from dlt.extract.source import SourceInjectableContext

from logentic.api.client import Client
from logentic.destinations.dlt_tables import NothingStored, PipelineQuery
from logentic.errors import UsageError
from logentic.extract.parsing import Rows, concatenated, empty_rows
from logentic.extract.run import RunRequest, RunState
from logentic.extract.session import Batch, Session
from logentic.extract.stored_records import Stored
from logentic.extract.windows import DAY, midnight
from logentic.load.dlt_arrow import use_present_method
from logentic.load.source_settings import SECTION, check_arguments, settings_of_source
from logentic.privacy.pseudonyms import check_fingerprint, key_fingerprint, load_pseudonymizer, pseudonym_key
from logentic.resources import (
    ORDER_EVENTS,
    ORDERS,
    RAW_KEYS,
    RECEIPTS,
    REJECTED_VALUES,
    RESOURCES,
    Lines,
    Resource,
    raw_descriptions,
)
from logentic.settings import Settings, interval_of_schedule, require_token

use_present_method()
# dlt spends 10 ms on each table that it is given, however small.
ROWS_AT_ONCE = 20_000
FINGERPRINT = "key_fingerprint"  # in the state of the source
RECEIPTS_NAME = "extract_windows"
FILE_FORMATS = (None, "preferred", "parquet", "insert_values")  # hold typed tables without rows
END = object()
Steps = Generator[Any, None, None]  # Arrow tables; None where others may go on


@dlt.source(name=SECTION, section=SECTION, max_table_nesting=0, spec=BaseConfiguration)
def logentic_source(
    shared: Any = None, *, api_token: Any = None, base_url: str | None = None, **settings: Any
) -> Iterable[DltResource]:
    """Orders, items, stock records, inventory history and charges of one account, and the receipts of what was read.

    Everything new is read, or the days of DLT_INTERVAL_START and DLT_INTERVAL_END. A setting is taken from the first
    place that has it: the argument, dlt's `sources.logentic` (SOURCES__LOGENTIC__API_TOKEN, [sources.logentic] in
    secrets.toml and config.toml, further providers), LOGENTIC_…, and [logentic] in the two files. For two accounts,
    `logentic_source.clone(name="eu")` reads `sources.logentic.eu` first. For some of the resources:
    `logentic_source().with_resources("orders", "extract_windows")`; the receipts always belong to it.

    Every item is a `pyarrow.Table` of up to 20,000 rows, so `add_map`, `add_filter` and `add_yield_map` receive tables:
    `source.items.add_map(lambda table: table.filter(pc.field("id") > 7))`. Rows that they remove, and their lines,
    count as read: a later run does not read them again. A map that changes values makes its rows differ from what the
    service returns, so that each later reading appends them again: change values in a view. `add_limit` counts tables;
    the first one of a resource is empty. A resource that a limit ends leaves no receipts, and the next run reads its
    windows again.

    Rows are only appended, into tables named after the resources. Any other write disposition or table name is
    refused, and so is a `loader_file_format` other than parquet and insert_values. After `refresh` or `dlt pipeline ...
    drop`, the resources whose tables were dropped are read from the beginning.

    Args:
        shared: a `SharedSession`, for a caller that follows what is read; by default a new one.
        api_token: token of the account; `dlt.secrets.value` as well as None look it up.
        base_url: address of the API; `dlt.config.value` as well as None look it up.
        settings: any other setting of docs/settings.md, by its name.

    Raises:
        UsageError: an argument is no setting.
        LogenticError: while dlt extracts, wrapped by dlt, when a resource could not be read; not where the caller gave
            `shared`, and looks at the failures of its session.
    """
    arguments = check_arguments({"api_token": api_token, "base_url": base_url, **settings})
    shared = shared or SharedSession(arguments=arguments)

    def records_of(resource: Resource) -> DltResource:
        @dlt.resource(name=resource.name, write_disposition="append", _impl_cls=_OneThread)
        def records() -> Iterator[Any]:
            yield from shared.steps(resource.name, shared.changes(resource))

        if lines := resource.lines:
            records.add_step(_GiveCompanions(resource.name, f"the lines of its {resource.name} are"))
            _describe(records, lines.table, lines.schema())
        return _describe(records, resource.name, resource.schema())

    @dlt.resource(write_disposition="append", _impl_cls=_OneThread)
    def order_events() -> Iterator[Any]:
        yield from shared.steps("order_events", shared.events())

    @dlt.resource(write_disposition="append", _impl_cls=_OneThread)
    def extract_windows() -> Iterator[Any]:
        yield from shared.steps(RECEIPTS_NAME, shared.all_receipts())

    extract_windows.add_step(_GiveCompanions(RECEIPTS_NAME, "the values that could not be read are"))
    _describe(extract_windows, "rejected_values", REJECTED_VALUES)
    return (
        *map(records_of, RESOURCES.values()),
        _describe(order_events, "order_events", ORDER_EVENTS),
        _describe(extract_windows, RECEIPTS_NAME, RECEIPTS),
    )


class _OneThread(DltResource):
    """A resource that dlt asks in its own thread: the session has connections of its own.

    dlt closes a generator that reaches its limit even while one of its threads runs it, which raises ValueError.
    """

    def parallelize(self) -> Self:
        return self

    def apply_hints(self, *arguments: Any, **hints: Any) -> Self:
        """Apply hints; the formats of a call such as `pipeline.run(table_format="delta")` also to companion tables."""
        super().apply_hints(*arguments, **hints)
        formats = {name: hints[name] for name in ("table_format", "file_format") if hints.get(name)}
        if formats and not hints.get("create_table_variant"):
            for table in list(self._hints_variants):
                super().apply_hints(table, create_table_variant=True, **formats)
        return self


class SharedSession:
    """What all resources of one source share: the session, opened by the first of them that reads, and its receipts.

    dlt may close a resource at any time (`add_limit`).
    """

    def __init__(self, session: Session | None = None, arguments: Mapping[str, Any] | None = None) -> None:
        self._arguments = arguments or {}  # settings that the caller of the source gave
        self.receipts: list[dict[str, Any]] = []  # of the last extraction, when all of it is extracted
        self._given = session
        self._session: Session | None = None
        self._receipts_taken: dict[str, list[dict[str, Any]]] = {}  # receipts of rows that dlt has taken, by resource
        self._load_id = ""
        self._source: DltSource | None = None
        self._unended: set[str] = set()  # resources that dlt has yet to end or close
        self._begun: set[str] = set()  # those of them that dlt has asked

    def steps(self, name: str, stream: Steps) -> Iterator[Any]:
        """Run one resource, and note how it ends."""
        try:
            while True:
                self._begin(name)
                item = next(stream, END)
                if item is END:
                    self._end(name)
                    return
                yield item
        except GeneratorExit:  # dlt has enough of it, or an error ends the extraction
            with closing(stream):
                self._end(name, is_closed=True)
            raise
        except BaseException:  # an interrupt as well: requests under way would hold the process until they end
            self._stop()
            raise

    def changes(self, resource: Resource) -> Steps:
        """Yield Arrow tables; None where others may go on."""
        yield from _tables(resource, empty_rows(resource))  # the tables exist also where nothing was found
        waiting: list[Batch] = []
        with closing(self._open().batches(resource)) as stream:
            for batch in stream:
                if batch is None:
                    yield None
                    continue
                waiting.append(batch)
                if sum(len(each.rows.records) for each in waiting) >= ROWS_AT_ONCE:
                    yield from self._give(resource, waiting)
                    waiting = []
        yield from self._give(resource, waiting)

    def _give(self, resource: Resource, batches: list[Batch]) -> Steps:
        """Give dlt the rows and lines of some batches; their receipts count when it has taken them."""
        if any(len(batch.rows.records) for batch in batches):
            yield from _tables(resource, concatenated([batch.rows for batch in batches]))
        self._receipts_taken.setdefault(resource.name, []).extend(row for batch in batches for row in batch.receipts)

    def events(self) -> Steps:
        """Yield one table, when the orders that events name were asked for."""
        yield ORDER_EVENTS.empty_table()
        session = self._open()
        while ORDERS.name in self._unended:
            yield None
        yield session.events.table(session.now)

    def all_receipts(self) -> Steps:
        """Yield one table, when dlt has taken all of the other resources.

        The values that could not be read go with it: they need no selection of their own, and no limit parts the two.
        """
        while self._unended - {RECEIPTS_NAME}:
            yield None
        session, self._session = self._session, None
        if session is None:  # every resource was closed before it read
            yield DataItemWithMeta(_Rejected([]), RECEIPTS.empty_table())
            return
        session.close()
        if self._given is None and session.failures:
            raise next(iter(session.failures.values()))
        self.receipts = [
            row for name in self._receipts_taken if self._keeps_receipts(name) for row in self._receipts_taken[name]
        ]
        rows = pa.Table.from_pylist([*session.deferred, *self.receipts], RECEIPTS)
        yield DataItemWithMeta(_Rejected([*session.rejections.take()]), rows)

    def _begin(self, name: str) -> None:
        """Note that dlt asks this resource; with the first of an extraction, check what dlt was told."""
        load_id = str(_package().load_id)
        if load_id != self._load_id:
            source = Container()[SourceInjectableContext].source
            _require_receipts(source)
            _require_own_tables(source)
            if _LOADS.setdefault(load_id, self) is not self:
                raise UsageError(
                    "two sources of logentic were given to one run of a pipeline",
                    "Run them one after the other, each account into a dataset of its own.",
                )
            self._load_id, self._source, self._session = load_id, source, self._given
            self._unended = {each.name for each in source.resources.extracted} & {*OWN_RESOURCES}
            self._begun, self._receipts_taken = set(), {}
        if name in self._unended:
            self._begun.add(name)

    def _end(self, name: str, *, is_closed: bool = False) -> None:
        """A resource that was closed leaves no receipts. When no other one can go on, reading stops."""
        self._unended.discard(name)
        self._begun.discard(name)
        if self._session and is_closed:
            self._receipts_taken.pop(name, None)
            self._session.end(name)
            if not self._begun:
                self._stop()

    def _stop(self) -> None:
        if self._session:
            self._session.close()
        self._session = None

    def _keeps_receipts(self, name: str) -> bool:
        """Not of a resource that only a transformer reads, nor where a limit may still end what a map yields."""
        resource = self._source and self._source.resources.selected.get(name)
        if not resource:
            return False
        steps = resource._pipe.steps
        is_limited = any(isinstance(step, LimitItem) for step in steps)
        return not (is_limited and any(isinstance(step, YieldMapItem) for step in steps))

    def _open(self) -> Session:
        """Return the given session (`logentic run`); for a dlt user's own pipeline, open one for its destination."""
        if self._session is None:
            pipeline = dlt.current.pipeline()
            if pipeline.list_extracted_load_packages() or pipeline.list_normalized_load_packages():
                raise UsageError(
                    f"pipeline {pipeline.pipeline_name}: a package with receipts is not loaded yet",
                    "Load it first: pipeline.normalize(), then pipeline.load().",
                )
            name = self._source.name if self._source else SECTION
            settings = settings_of_source(self._arguments, name, pipeline.pipeline_name)
            require_token(settings)
            first, last = interval_of_schedule()
            folder = Path(pipeline.working_dir)
            _check_key(settings, folder, pipeline.pipeline_name)
            request = RunRequest(
                settings,
                load_pseudonymizer(settings, folder),
                folder,
                start=midnight(first) if first else None,
                end=midnight(last) + DAY if last else None,
            )
            is_refreshed = bool(_package().state.get("refresh"))
            stored = Stored((NothingStored if is_refreshed else PipelineQuery)(pipeline))
            resources = self._unended & {*RESOURCES}
            client = Client(settings, lists=set())
            self._session = Session.open(client, request, stored, RunState(), resources=resources)
        return self._session


OWN_RESOURCES = (*RESOURCES, "order_events", RECEIPTS_NAME)
# The source that reads for each load package.
_LOADS: WeakValueDictionary[str, SharedSession] = WeakValueDictionary()


def _package() -> LoadPackageStateInjectableContext:
    """The load package that dlt extracts into."""
    try:
        return Container()[LoadPackageStateInjectableContext]
    except ContextDefaultCannotBeCreated:
        raise UsageError(
            "logentic_source() was iterated without a pipeline",
            "Run it: dlt.pipeline(…).run(logentic_source()), then read the tables with pipeline.dataset().",
        ) from None


def _require_receipts(source: DltSource) -> None:
    if RECEIPTS_NAME not in source.resources.selected:
        raise UsageError(
            f"with_resources() leaves out {RECEIPTS_NAME}",
            "Select it as well: without receipts the next run knows nothing of this one and loads all again.",
        )


def _require_own_tables(source: DltSource) -> None:
    """Raw tables are logs of versions, found by their names: no row is ever replaced."""
    for name in OWN_RESOURCES:
        resource = source.resources.selected.get(name)
        if resource is None:
            continue
        given = resource.write_disposition
        disposition = given.get("disposition") if isinstance(given, dict) else given
        if disposition != "append":
            shown = disposition if isinstance(disposition, str) else "given as a function"
            raise UsageError(
                f"{name}: write_disposition {shown} would remove versions that no later run reads again",
                'Leave it at "append"; to read everything anew: pipeline.run(…, refresh="drop_sources").',
            )
        if resource.table_name != name:
            raise UsageError(
                f"{name}: its table has another name, where the next run does not look for it",
                "Leave out table_name; rename the tables in a view, or load into a dataset of another name.",
            )
        # `run(loader_file_format=…)` becomes this hint.
        if (file_format := (resource._hints or {}).get("file_format")) not in FILE_FORMATS:
            raise UsageError(
                f"{name}: loader_file_format {file_format} has no types, and cannot hold a table that is still empty",
                'Leave it out, or use "parquet".',
            )


def _check_key(settings: Settings, folder: Path, name: str) -> None:
    """Refuse another key than the one of earlier loads: dlt's state, which the destination keeps, knows it."""
    state, key = dlt.current.source_state(), pseudonym_key(settings, folder)
    if FINGERPRINT in state:
        check_fingerprint(f"the destination of pipeline {name}", state[FINGERPRINT], key)
    else:
        state[FINGERPRINT] = key_fingerprint(key)


def _tables(resource: Resource, rows: Rows) -> Iterator[Any]:
    """Records, at most ROWS_AT_ONCE in a table; each table carries its lines."""
    for start in range(0, max(len(rows.records), 1), ROWS_AT_ONCE):
        records = rows.records.slice(start, ROWS_AT_ONCE)
        if resource.lines is None or rows.lines is None:
            yield records
            continue
        lines = rows.lines
        if len(records) < len(rows.records):
            lines = lines.filter(pc.is_in(lines[resource.lines.parent], records["id"].combine_chunks()))
        yield DataItemWithMeta(_Lines(resource.lines, lines, len(records)), records)


def _describe(resource: DltResource, table: str, schema: pa.Schema) -> DltResource:
    """Tell dlt's schema what a table of a resource holds, its columns mean and its key is. No constraint is made.

    The companion of a resource's table first: dlt takes what it knows of the resource for all of its tables.
    """
    described, key = raw_descriptions()[table], RAW_KEYS.get(table, ())
    columns: list[TColumnSchema] = [
        {"name": name, "description": described.columns.get(name, ""), "primary_key": name in key, "nullable": True}
        for name in schema.names
    ]
    about: dict[str, Any] = {"description": described.text}
    is_companion = table != resource.name
    resource.apply_hints(table, columns=columns, additional_table_hints=about, create_table_variant=is_companion)
    return resource


def _as_table(name: str, rows: pa.Table) -> Any:
    """Rows that go into another table than their resource's."""
    return dlt.mark.with_hints(rows, dlt.mark.make_hints(table_name=name), create_table_variant=True)


class _Lines:
    """The lines of a table of records; dlt takes them along through the steps of a resource."""

    def __init__(self, lines: Lines, rows: pa.Table, records: int) -> None:
        self._lines, self._rows, self._records = lines, rows, records

    def of(self, table: pa.Table) -> Iterator[Any]:
        """Those of the records that a map or filter left in the table; each line once."""
        rows = self._rows
        if len(table) != self._records and "id" in table.column_names:
            are_of = pc.is_in(rows[self._lines.parent], table["id"].combine_chunks())
            rows, self._rows = rows.filter(are_of), rows.filter(pc.invert(are_of))
        else:
            self._rows = rows.slice(0, 0)
        yield _as_table(self._lines.table, rows)


class _Rejected:
    """The values that could not be read, beside the table of receipts."""

    def __init__(self, tables: list[pa.Table]) -> None:
        self._tables = tables

    def of(self, _: pa.Table) -> Iterator[Any]:
        yield _as_table("rejected_values", pa.concat_tables([REJECTED_VALUES.empty_table(), *self._tables]))


class _GiveCompanions(ItemTransform[Any, dict[str, Any]]):
    """Yield each table, and then those that travel with it. After a limit: it takes both or neither."""

    placement_affinity = LimitItem.placement_affinity + 0.1

    def __init__(self, name: str, loss: str) -> None:
        super().__init__(self._with_companions)
        self._name, self._loss = name, loss

    def __call__(self, item: Any, meta: Any = None) -> Any:
        return self._with_companions(item, meta)

    def _with_companions(self, item: Any, meta: Any) -> Iterator[Any]:
        if not isinstance(meta, _Lines | _Rejected) or not isinstance(item, pa.Table):
            raise UsageError(
                f"{self._name}: a map gave something else than a pyarrow.Table, so that {self._loss} lost",
                "Return a table from the map, without dlt.mark.",
            )
        yield item
        yield from meta.of(item)
