"""Run one command and measure the CPU seconds and memory of all its processes.

This process must stay small: when it forks, the kernel counts its memory into the child's peak.
"""

import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.2
SIZES = re.compile(r"^(Rss\w+):\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Cost:
    """CPU of the process and all that it waited for; the most memory that they held together."""

    cpu: float
    wall: float
    peak_mb: float
    status: int


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path) -> Cost:
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    watch = _Watch(process.pid)
    watch.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    watch.ended.set()
    watch.join()
    return Cost(
        cpu=round(usage.ru_utime + usage.ru_stime, 3),
        wall=round(wall, 3),
        peak_mb=round(max(watch.peak, usage.ru_maxrss * 1024) / 2**20, 1),
        status=process.returncode,
    )


class _Watch(threading.Thread):
    """What a process and its descendants hold together, looked at again and again: their own memory, and the files that
    the largest of them has mapped (libraries, which they share).

    One process alone is measured by the kernel, without gaps; this matters where there are more.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak, self.ended, self._pid = 0, threading.Event(), pid

    def run(self) -> None:
        while not self.ended.wait(POLL_SECONDS):
            held = [_held(pid) for pid in _family(self._pid)]
            self.peak = max(self.peak, sum(own for own, _ in held) + max((files for _, files in held), default=0))


def _family(pid: int) -> list[int]:
    """The process and its descendants; none where there is no /proc."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [pid]
    for parent in found:
        found += parents.get(parent, [])
    return found


def _held(pid: int) -> tuple[int, int]:
    """Bytes of its own, and of mapped files."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    except OSError:
        return 0, 0
    sizes = {name: int(size) * 1024 for name, size in SIZES.findall(status)}
    return sizes.get("RssAnon", 0), sizes.get("RssFile", 0) + sizes.get("RssShmem", 0)
