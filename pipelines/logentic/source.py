"""The dlt source: five resources and their receipts, each one short function.

In: settings. Out: `logentic_source`, for `dlt.pipeline(…).run(logentic_source())`. Raw tables are logs of versions: a row is
appended when what the service says of a record is new, differs, or has ended; nothing is updated. Progress is read
from the receipts that the destination holds, so a package that was dropped skips nothing.
Next: load.py, which runs it; or your own pipeline.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltResource

from logentic.personal import Pseudonyms
from logentic.rows import Rows, empty_rows
from logentic.schemas import RECEIPTS, RESOURCES, Resource
from logentic.session import Run, Session
from logentic.settings import load_settings, require_token
from logentic.stored import Stored


@dlt.source(name="logentic", max_table_nesting=0)
def logentic_source(run: Any = None, go_on: Any = None) -> Iterable[DltResource]:
    """Orders, items, stock records, inventory history and charges of one account, and the receipts of what was read.

    Args:
        run: a `logentic.session.Run` for callers that bound or follow a run; by default everything new is read, with the
            settings in force (environment LOGENTIC_…, secrets.toml, config.toml).
        go_on: called before each window; False leaves the rest to the next extraction.

    Raises:
        LogenticError: in the extraction, wrapped by dlt, when a resource could not be read (unless the caller gave `run`
            and looks at `run.failures`).
    """
    return _Source(run, go_on or (lambda: True)).resources()


class _Source:
    def __init__(self, run: Run | None, go_on: Callable[[], bool]) -> None:
        self._given = run
        self._go_on = go_on
        self._session: Session | None = None

    def resources(self) -> list[DltResource]:
        data = [
            dlt.resource(self._rows, name=resource.name, write_disposition="append")(resource)
            for resource in RESOURCES.values()
        ]
        return [*data, dlt.resource(self._receipts, name="extract_windows", write_disposition="append")]

    def _open(self) -> Session:
        if self._session is None:
            run = self._given
            if run is None:
                settings = load_settings()
                require_token(settings)
                run = Run(settings, Pseudonyms.of(settings))
            self._session = Session(run, Stored(dlt.current.pipeline()), self._go_on)
        return self._session

    def _rows(self, resource: Resource) -> Iterator[Any]:
        session = self._open()
        yield from _tables(resource, empty_rows(resource))
        for rows in session.news(resource):
            if rows is None:
                yield None
            else:
                yield from _tables(resource, rows)

    def _receipts(self) -> Iterator[pa.Table | None]:
        yield None  # lets the selected resources begin
        session = self._open()
        yield RECEIPTS.empty_table()
        while session.running:
            yield None
        session.close()
        yield session.receipts_table()
        if self._given is None and session.run.failures:
            raise next(iter(session.run.failures.values()))


def _tables(resource: Resource, rows: Rows) -> Iterator[Any]:
    yield rows.records
    if resource.lines and rows.lines is not None:
        hints = dlt.mark.make_hints(table_name=resource.lines.table, write_disposition="append", primary_key="")
        yield dlt.mark.with_hints(rows.lines, hints, create_table_variant=True)
