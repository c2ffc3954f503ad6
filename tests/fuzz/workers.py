"""Run many cases in processes of their own: one that hangs, or dies, is named, and the rest go on."""

import faulthandler
import multiprocessing
import os
import re
import resource
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO

CHUNK = 50
SHOWN_OF_A_KIND = 3  # failures
MEMORY_BYTES = 6 * 2**30
PATIENCE = 4  # so many times the bound, for a case that the machine gives no time to
CONTEXT = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Result:
    name: str
    wrong: str | None
    seconds: float


class _Worker:
    def __init__(self, judge: Callable[[str], str | None]) -> None:
        self.connection, other = CONTEXT.Pipe()
        self.trace: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        self.process = CONTEXT.Process(target=_work, args=(other, judge, self.trace), daemon=True)
        self.process.start()
        other.close()
        self.names: list[str] = []
        self.began_at = self.began_with = 0.0

    def give(self, names: list[str]) -> None:
        self.names = names
        self.begin()
        self.connection.send(names)

    def begin(self) -> None:
        """Start the clocks of a case."""
        self.began_at, self.began_with = time.monotonic(), self._cpu_seconds()

    def is_late(self, bound: float) -> bool:
        """Whether the case under way has had its time: of the CPU, or of a clock that allows for a busy machine."""
        seconds = time.monotonic() - self.began_at
        if not self.names or seconds <= bound:
            return False
        return seconds > PATIENCE * bound or self._cpu_seconds() - self.began_with > 0.8 * bound

    def _cpu_seconds(self) -> float:
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        except OSError:
            return time.monotonic()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> str:
        """Kill it; return where it was, as Python tells."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, signal.SIGUSR1)
            time.sleep(0.2)
        self.process.kill()
        self.process.join()
        self.connection.close()
        self.trace.seek(0)
        lines = self.trace.read().decode("utf-8", "replace").splitlines()
        self.trace.close()
        ours = [line.strip() for line in lines if "logentic" in line or "File" in line]
        place = next((line for line in ours if "/pipelines/logentic/" in line), ours[0] if ours else "")
        return place.replace(str(Path.cwd()) + "/", "")


def run(
    names: Iterator[str], judge: Callable[[str], str | None], jobs: int, bound_seconds: float, chunk: int = CHUNK
) -> Iterator[Result]:
    """Judge each name in one of so many workers; a result for each, in the order in which they end."""
    workers = [_Worker(judge) for _ in range(jobs)]
    is_over = False
    try:
        while workers:
            for worker in [worker for worker in workers if not worker.names]:
                some = list(islice(names, chunk)) if not is_over else []
                is_over |= not some
                if some:
                    worker.give(some)
                else:
                    worker.connection.send([])
                    worker.process.join(5)
                    worker.end()
                    workers.remove(worker)
            ready = wait([worker.connection for worker in workers], 0.1) if workers else []
            for worker in list(workers):
                lost = None
                if worker.connection in ready:
                    try:
                        result = worker.connection.recv()
                        worker.names.remove(result.name)
                        worker.begin()
                        yield result
                        continue
                    except (EOFError, ConnectionError):
                        worker.process.join(5)
                        lost = f"the process died ({worker.process.exitcode})"
                if lost is None and worker.is_late(bound_seconds):
                    lost = f"no end after {bound_seconds:g} s"
                if lost:
                    seconds = time.monotonic() - worker.began_at
                    name, *rest = worker.names
                    place = worker.end()
                    workers.remove(worker)
                    fresh = _Worker(judge)
                    workers.append(fresh)
                    if rest:
                        fresh.give(rest)
                    yield Result(name, f"{lost} {place}", seconds)
    finally:
        for worker in workers:
            worker.end()


def _work(connection: Connection, judge: Callable[[str], str | None], trace: IO[bytes]) -> None:
    faulthandler.register(signal.SIGUSR1, trace, all_threads=False)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, resource.RLIM_INFINITY))  # a run lifts it again
    while names := connection.recv():
        for name in names:
            began = time.monotonic()
            wrong = judge(name)
            connection.send(Result(name, wrong, time.monotonic() - began))
    os._exit(0)


def report(what: str, results: Iterable[Result]) -> tuple[int, int]:
    """Print failures as they come, a few of each kind; then counts and the slowest. Return passed and failed."""
    began, passed, kinds = time.monotonic(), 0, Counter[str]()
    slowest = Result("", None, 0.0)
    for result in results:
        slowest = max(slowest, result, key=lambda each: each.seconds)
        if result.wrong is None:
            passed += 1
            continue
        kinds[kind := _kind(result.wrong)] += 1
        if kinds[kind] <= SHOWN_OF_A_KIND:
            print(f"FAILED {result.wrong}\n       make fuzz FUZZ_CASE='{result.name}'", flush=True)
    failed, seconds = kinds.total(), time.monotonic() - began
    for kind, number in kinds.most_common():
        print(f"  {number:5} × {kind}")
    print(f"{what}: slowest {slowest.seconds:.2f} s: {slowest.name}")
    print(f"{what}: {passed + failed} in {seconds:.0f} s, {(passed + failed) / max(seconds, 0.01):.1f} a second")
    print(f"{what}: {passed} passed, {failed} failed", flush=True)
    return passed, failed


def _kind(wrong: str) -> str:
    """What failures of one cause have in common: their text without names and numbers."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\b0x\w+|\d+(-…)?", "…", wrong)[:90]
