"""Extract, and load what is new: one dlt pipeline into the place that the settings name.

In: a `Run` and a locked `State`. Out: a `Loaded` that says what happened, by resource. Packages left by a run that was
killed are finished first. A long extraction is loaded every few minutes; each part begins where the receipts end. Where
nothing is new, dlt is not even imported, and the receipts are held back. Next: transform.py.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from logentic.client import Traffic
from logentic.errors import LogenticError, StateError
from logentic.held import held_receipts, hold_back, let_go
from logentic.place import Place
from logentic.places import place_of
from logentic.run import Run
from logentic.session import Session
from logentic.state import State
from logentic.stored import Stored

log = logging.getLogger("logentic")

ASKED = "orders_asked"  # for by id, as a charge named them


@dataclass
class Loaded:
    """Rows by resource, as the receipts of this run count them."""

    now: Any = None
    receipts: list[dict[str, Any]] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)
    failures: dict[str, LogenticError] = field(default_factory=dict)
    finished_pending: bool = False
    load_id: str = ""  # the latest complete load that the working database holds
    unread: list[str] = field(default_factory=list)  # resources with windows that the time did not suffice for

    @property
    def news(self) -> int:
        return sum(r["rows_new"] + r["rows_changed"] + r["rows_removed"] for r in self.receipts)

    @property
    def incomplete(self) -> list[dict[str, Any]]:
        """Windows by the last time that this run read them."""
        windows = ("resource", "filter", "window_start", "window_end")
        latest = {tuple(receipt[name] for name in windows): receipt for receipt in self.receipts}
        return [receipt for receipt in latest.values() if not receipt["is_complete"]]


def load(run: Run, state: State) -> Loaded:
    """Everything that the run asks for, in as many packages as its length needs; in none where nothing is new."""
    place = place_of(run.settings, state)
    stored = Stored(place.raw())
    dlt = _Dlt(run, state, place)
    loaded = Loaded()
    try:
        if state.has_packages() or stored.has_orphans():
            stored.close()
            loaded.finished_pending = dlt.recover()
        loads, is_due = stored.loads(), stored.lacks_columns() or stored.lacks_a_table()
        run.held = held_receipts(state, loads)
        asked = set(state.read_note(ASKED).get("ids", ()))
        named: set[int] = set()
        while True:
            run.begin_part()
            run.named_orders = named
            session = Session(run, stored, _for_seconds(min(run.settings.load_every_seconds, run.seconds_left())))
            try:
                if session.finds_news() or is_due or not loads or _are_of_days_past(run):
                    stored.close()
                    dlt.load(session)
                    loads, run.held, is_due = stored.loads(), [], False
                    let_go(state)
                else:
                    run.held = session.close().to_pylist()
            except BaseException:  # an interrupt as well: requests under way would hold the process until they end
                session.stop()
                raise
            asked |= named
            named = set() if run.unread else _named_orders(run, stored) - asked
            if run.seconds_left() <= 0 or not (run.unread or named):
                break
        state.write_note(ASKED, {"ids": sorted(asked)})
        if run.held:
            hold_back(state, run.held, loads[-1])
    finally:
        stored.close()
    loaded.load_id, loaded.unread = loads[-1], sorted(run.unread)
    loaded.now, loaded.receipts, loaded.traffic, loaded.failures = run.now, run.receipts, run.traffic, run.failures
    return loaded


def _named_orders(run: Run, stored: Stored) -> set[int]:
    """What no list has given, when all lists are read. Each is asked for once: `unknown_order` says what came of it."""
    return stored.named_orders() if "orders" in run.select - run.failures.keys() else set()


def _for_seconds(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() < deadline


def _are_of_days_past(run: Run) -> bool:
    """Receipts are held back for a day at most: then the database says of itself how far it goes."""
    return any(row["finished_at"].date() < run.now.date() for row in run.held)


class _Dlt:
    """dlt, woken when there is something for it to do: its import costs more than a run that finds nothing."""

    def __init__(self, run: Run, state: State, place: Place) -> None:
        self._run, self._state, self._place = run, state, place
        self._pipeline: Any = None

    def recover(self) -> bool:
        from logentic.recovery import recover

        return recover(self._opened())

    def load(self, session: Session) -> None:
        """What the session has found, and will find."""
        from dlt.pipeline.exceptions import PipelineStepFailed

        from logentic.recovery import forget_old_packages
        from logentic.source import logentic_source

        pipeline = self._opened()
        try:
            pipeline.run(logentic_source(self._run, session=session), table_format=self._place.table_format)
        except PipelineStepFailed as error:
            raise _cause(error) from error
        forget_old_packages(pipeline)

    def _opened(self) -> Any:
        if self._pipeline is None:
            os.environ["DLT_DATA_DIR"] = str(self._state.dlt)
            os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")  # also where the user has a dlt configuration
            self._pipeline = _open_pipeline(self._state, self._place)
        return self._pipeline


def _open_pipeline(state: State, place: Place) -> Any:
    """dlt's pipeline; its folder is made anew where it cannot be read: progress stands in the receipts, not there."""
    import dlt

    def attach() -> Any:
        pipeline = dlt.pipeline(
            "logentic",
            destination=place.dlt_destination(),
            dataset_name="logentic_raw",
            pipelines_dir=str(state.dlt),
        )
        pipeline.sync_destination()
        return pipeline

    try:
        return attach()
    except Exception:
        log.warning("the state that dlt keeps in %s cannot be read; it is made anew", state.folder / "dlt")
        shutil.rmtree(state.dlt, ignore_errors=True)
        return attach()


def _cause(error: BaseException) -> BaseException:
    """Our own error, or the user's interrupt, within dlt's; or an error that says what dlt could not do."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, LogenticError | KeyboardInterrupt):
            return inner
        last, inner = inner, inner.__cause__ or inner.__context__
    reason = next(iter(str(last).splitlines()), "")
    return StateError(f"loading failed: {type(last).__name__}: {reason}", "Run again; --debug shows more.")
