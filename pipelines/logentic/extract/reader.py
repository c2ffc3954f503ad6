"""Read windows until they are complete: several at once, each page by page on one connection.

A window is complete if every page announced the same total and as many distinct keys were read (docs/api.md). One
reading is enough for a list of one page, and where rows can only leave a window while it is read, or only enter it.
Where rows can do both, the next reading must agree and confirm it.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from logentic.api.client import Client
from logentic.api.pagination import Page, read_page, read_pages
from logentic.errors import DeadlineReached, LogenticError, NotFound, Refused, UnsafeLink
from logentic.extract.parsing import ParseRules, Rows, concatenated, read_rows
from logentic.extract.spill_buffer import SpillBuffer
from logentic.extract.splitting import WindowTask, drop_overlaps, split
from logentic.extract.windows import MOVED, NOT_FOUND, Edge, Window
from logentic.monitoring.memory import release_memory
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import Resource

PAGE_SIZES = (250, 100, None)  # use the first that the service accepts; the response has the granted size
READINGS_IN_DOUBT = 2
# How often a window with a different total is halved: enough to narrow one row in a year down to a few days.
MOST_ATTEMPTS = 6
LARGE = 3  # times the intended number of pages, in a window that cannot be split
BATCH_BYTES = 3 * 2**19  # of JSON, parsed at once and then released
FIRST_CHECKED_PAGES = 32  # check that the list has grown after this many pages, then at each doubling
MANY_BYTES = 8 * 2**20  # of JSON; after parsing this much, freed memory is worth returning


@dataclass(frozen=True)
class Reading:
    window: Window
    buffer: SpillBuffer
    total: int
    keys: int
    requests: int
    bytes: int
    started_at: datetime
    finished_at: datetime
    is_complete: bool
    is_confirmed: bool
    reason: str | None = None
    is_steady: bool = True  # all pages announced the same total

    @property
    def difference(self) -> int:
        """Return the number of announced rows minus the number of distinct keys read."""
        return self.total - self.keys

    def parts(self) -> Iterator[Rows]:
        """Yield the rows of the window, in several parts if it is large."""
        start, end = self.window.owned()
        column = self.window.kind.column if start or end else None
        for rows in self.buffer.parts():
            yield rows.owned(column, start, end) if column else rows

    @property
    def rows(self) -> Rows:
        """Return all rows at once, even of a large window."""
        return concatenated(list(self.parts()))


class Progress:
    """Show no progress. Subclasses show what is read and built; called from several threads."""

    def announced(self, resource: str, pages: int) -> None: ...

    def read(self, resource: str, rows: int) -> None: ...

    def built(self, model: str, number: int, count: int) -> None: ...


NO_PROGRESS = Progress()


class WindowReader:
    """Read windows with as many connections as the settings allow, and at most that many at once per resource."""

    def __init__(
        self,
        client: Client,
        pseudonyms: Pseudonymizer,
        *,
        connections: int,
        window_pages: int,
        folder: Path | None = None,  # for the rows of large windows
        progress: Progress = NO_PROGRESS,
        go_on: Callable[[], bool] = lambda: True,
        parsing: ParseRules | None = None,
    ) -> None:
        self.client = client
        self.failures: dict[str, LogenticError] = {}
        self.unread: set[str] = set()  # resources with windows left for the next load
        self._pseudonyms = pseudonyms
        self._parsing = parsing or ParseRules()
        self._connections = connections
        self._window_pages = window_pages
        self._folder = folder
        self._progress = progress
        self._go_on = go_on
        self._pool = ThreadPoolExecutor(connections, "logentic")
        self._running: dict[str, set[Future[Reading | list[WindowTask]]]] = {}
        self._page_size: dict[str, int | None] = {}
        self._lock = threading.Lock()
        # the last reading of a window whose rows take long to store
        self._large: Future[Reading | list[WindowTask]] | None = None

    def readings(
        self, resource: Resource, windows: list[Window], has_differed: Callable[[Window], bool] = lambda window: False
    ) -> Iterator[Reading | None]:
        """Yield the readings of one resource as they complete; None while none is ready, so that other resources
        continue.

        `has_differed`: whether the total of a window differed in earlier runs; such a window is not split for that
        reason.
        """
        waiting = deque(WindowTask(window, has_differed=has_differed(window)) for window in windows)
        running = self._running[resource.name] = set()
        done_any = False  # each extraction makes progress, however little time it has
        try:
            while waiting or running:
                if waiting and done_any and not self._go_on():
                    self.unread.add(resource.name)
                    waiting.clear()
                while len(running) < self._connections and (task := self._next(waiting, is_idle=not running)):
                    future = self._pool.submit(self._examine, resource, task)
                    running.add(future)
                    self._large = future if task.is_large else self._large
                done = {future for future in running if future.done()}
                running -= done
                for future in done:
                    try:
                        result = future.result()
                    except DeadlineReached:  # stop the other readings as well, but keep the complete ones
                        self.unread.add(resource.name)
                        waiting.clear()
                        continue
                    if isinstance(result, Reading):
                        done_any = True
                        yield result
                    else:
                        waiting.extendleft(reversed(result))
                if not done and (running or waiting):
                    wait([future for futures in self._running.values() for future in futures], 0.1, FIRST_COMPLETED)
                    yield None
        except LogenticError as failure:
            self.failures[resource.name] = failure
        finally:
            for future in running:
                future.cancel()
            del self._running[resource.name]

    def read_again(self, resource: Resource, window: Window) -> Reading:
        """Read a window that has lost rows a second time."""
        return self._read(resource, window, None)

    def close(self) -> None:
        self.client.close()
        self._pool.shutdown(cancel_futures=True)

    def _next(self, waiting: deque[WindowTask], *, is_idle: bool) -> WindowTask | None:
        """Return the next task. Of all resources, read one large window at a time, because its rows are buffered until
        it is complete.
        """
        may_be_large = self._large is None or self._large.done()
        task = next((task for task in waiting if not task.is_last and (may_be_large or not task.is_large)), None)
        task = task or next((task for task in waiting if task.is_last and is_idle), None)
        if task:
            waiting.remove(task)
        return task

    def _examine(self, resource: Resource, task: WindowTask) -> Reading | list[WindowTask]:
        """Read the window or split it. A window that is not found is read last, because the others may show that the
        list exists.
        """
        try:
            return self._examine_once(resource, task)
        except NotFound:
            if task.is_last:
                raise
            return [replace(task, first=None, is_last=True)]

    def _examine_once(self, resource: Resource, task: WindowTask) -> Reading | list[WindowTask]:
        ask = partial(self._ask_first, resource)
        if not task.first:
            first = ask(task.window)
            self._progress.announced(resource.name, first.total_pages)
            tasks = [
                replace(task, window=p.window, first=p.first)
                for p in drop_overlaps(ask, task.window, first, self._window_pages)
            ]
            if len(tasks) > 1:
                return tasks
            task = tasks[0]
        window, pages = task.window, task.first.total_pages if task.first else 0
        if pages > self._window_pages and not task.is_large:
            if tasks := split(ask, window, task.first, self._window_pages):
                return [replace(task, window=part.window, first=part.first) for part in tasks]
            if pages > LARGE * self._window_pages:
                return [replace(task, is_large=True)]
        reading = self._read(resource, window, task.first)
        # A past window that differed before is compared with its earlier readings instead of a second one.
        is_read_once = task.attempts or (task.has_differed and window.after is not Edge.OPEN)
        for _ in range(0 if is_read_once else READINGS_IN_DOUBT - 1):
            if reading.is_complete or (reading.reason == NOT_FOUND and reading.requests == 1):
                return reading
            reading = self._read(resource, window, None)
        if (
            reading.is_complete
            or reading.reason == NOT_FOUND
            or task.has_differed
            or task.attempts >= MOST_ATTEMPTS
            or (task.attempts and not reading.is_steady)
        ):
            return reading
        tasks = split(ask, window, None, self._window_pages, is_incomplete=True)
        # If the totals of the halves add up, the difference is in one of them, which can be halved again.
        is_exact = bool(tasks) and tasks[0].window.after is Edge.EXACT and reading.is_steady
        attempts = task.attempts + 1 if is_exact else MOST_ATTEMPTS
        return [WindowTask(part.window, attempts=attempts) for part in tasks] or reading

    def _read(self, resource: Resource, window: Window, first: Page | None) -> Reading:
        """Read all pages once, and return the reading, which states whether it is complete."""
        first = first or self._ask_first(resource, window)
        buffer, pages, waiting = SpillBuffer(resource, self._folder), [], 0
        requests = traffic = 0
        totals = set()
        checked_pages, known_keys = FIRST_CHECKED_PAGES, 0
        started_at = first.at
        for page in read_pages(self.client, resource.path, self._params(resource, window), str(window), first):
            pages.append(page)
            waiting += len(page.rows)
            requests += 1
            totals.add(page.total)
            self._progress.read(resource.name, page.count)
            is_check_due = requests == checked_pages
            if waiting >= BATCH_BYTES or not page.next or is_check_due:
                buffer.put(read_rows(resource, pages, self._pseudonyms, str(window), self._parsing))
                traffic += waiting
                pages, waiting = [], 0
            if is_check_due:
                checked_pages *= 2
                known_keys = self._require_growth(buffer, window, requests, known_keys)
        keys = buffer.count()
        if traffic > MANY_BYTES:
            release_memory()
        is_complete = totals == {keys} and not page.is_not_found
        reason = None
        if page.is_not_found:
            reason = NOT_FOUND
        elif len(totals) > 1:
            reason = f"{MOVED} between {min(totals)} and {max(totals)}"
        elif not is_complete:
            reason = f"{max(totals)} rows were announced and {keys} read"
        return Reading(
            window=window,
            buffer=buffer,
            total=page.total,
            keys=keys,
            requests=requests,
            bytes=traffic,
            started_at=started_at,
            finished_at=page.at,
            is_complete=is_complete,
            is_confirmed=is_complete and (requests == 1 or window.kind.is_one_way),
            reason=reason,
            is_steady=len(totals) == 1 and not page.is_not_found,
        )

    @staticmethod
    def _require_growth(buffer: SpillBuffer, window: Window, requests: int, known_keys: int) -> int:
        """Return the distinct keys read; raise if the pages since the last check had no new one."""
        keys = buffer.different_keys()
        if keys <= known_keys:
            raise UnsafeLink(
                f"{window}, page {requests}: the list repeats rows that were already read", "Report it to Logentic."
            )
        return keys

    def _ask_first(self, resource: Resource, window: Window) -> Page:
        """Return the first page, and remember the page size that the service accepts."""
        for size in PAGE_SIZES[PAGE_SIZES.index(self._page_size.get(resource.name, PAGE_SIZES[0])) :]:
            with self._lock:
                self._page_size[resource.name] = size
            try:
                page = read_page(self.client, resource.path, self._params(resource, window), f"{window}, page 1")
                # A list ends at the page without a next link, whatever number of pages it announces.
                return page if page.next else replace(page, total_pages=min(page.total_pages, 1))
            except Refused:
                if size is None:
                    raise
        raise AssertionError

    def _params(self, resource: Resource, window: Window) -> dict[str, str]:
        size = self._page_size.get(resource.name)
        return {**window.params(), **({"per_page": str(size)} if size else {})}
