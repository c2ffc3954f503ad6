"""Show the progress of a run: a bar for each resource on a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from logentic.extract.reader import Progress as PageProgress
from logentic.monitoring import json_log

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_EVERY_SECONDS = 10.0
MODELS = "models"  # the progress bar of the build


class Display(PageProgress):
    """Progress on stderr: the extraction calls `announced` and `read`, the job `step`, a build `built`."""

    def __init__(self, bars: "Progress | None", line_every_seconds: float = LINE_EVERY_SECONDS) -> None:
        self._bars, self._line_every_seconds = bars, line_every_seconds
        self._tasks: dict[str, TaskID] = {}
        self._pages: dict[str, list[int]] = {}
        self._lock = threading.Lock()
        self._last_line = time.monotonic()

    def step(self, name: str) -> None:
        if json_log.is_enabled():
            json_log.write("step", step=name)
        elif self._bars:
            self._bars.console.print(f"[dim]{name} …[/dim]")
        else:
            print(f"{name} …", file=sys.stderr)

    def announced(self, resource: str, pages: int) -> None:
        with self._lock:
            counts = self._pages.setdefault(resource, [0, 0, 0])
            counts[1] += max(pages, 1)
            if self._bars and resource not in self._tasks:
                self._tasks[resource] = self._bars.add_task(resource, total=counts[1], shown="pages, 0 rows")
            self._show(resource)

    def read(self, resource: str, rows: int) -> None:
        with self._lock:
            counts = self._pages.setdefault(resource, [0, 0, 0])
            counts[0] += 1
            counts[1] = max(counts[0], counts[1])
            counts[2] += rows
            self._show(resource)

    def built(self, model: str, number: int, count: int) -> None:
        """Show which of `count` models and checks is being built: `number` are done."""
        self._advance(MODELS, number, count, model=model)

    def pushed(self, resource: str, number: int, count: int) -> None:
        """Show how many of `count` rows were sent."""
        self._advance(resource, number, count)

    def _advance(self, name: str, number: int, count: int, **current: str) -> None:
        shown = "".join(current.values())
        if self._bars:
            task = self._tasks.get(name)
            if task is None:
                task = self._tasks[name] = self._bars.add_task(name, total=count, shown="")
            self._bars.update(task, completed=number, shown=shown)
        elif time.monotonic() - self._last_line > self._line_every_seconds:
            self._last_line = time.monotonic()
            if json_log.is_enabled():
                json_log.write("progress", **{name: f"{number} of {count}"}, **current)
            else:
                print(f"{name} {number} of {count}{f': {shown}' if shown else ''}", file=sys.stderr)

    def _show(self, resource: str) -> None:
        done, total, rows = self._pages[resource]
        if self._bars:
            self._bars.update(self._tasks[resource], completed=done, total=total, shown=f"pages, {rows:,} rows")
        elif time.monotonic() - self._last_line > self._line_every_seconds:
            self._last_line = time.monotonic()
            if json_log.is_enabled():
                json_log.write("progress", pages={name: f"{n[0]} of {n[1]}" for name, n in self._pages.items()})
                return
            state = ", ".join(f"{name} {n[0]} of {n[1]} pages" for name, n in self._pages.items())
            print(state, file=sys.stderr)


@contextmanager
def display_progress(line_every_seconds: float = LINE_EVERY_SECONDS) -> Iterator[Display]:
    """Yield the display that fits stderr."""
    if json_log.is_enabled() or not sys.stderr.isatty():
        yield Display(None, line_every_seconds)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[shown]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield Display(bars)
