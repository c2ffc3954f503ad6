"""Queue events on disk, from before the sender gets its response until a run has published them."""

import fcntl
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO
from zlib import crc32

from logentic.errors import StateError
from logentic.events.event import Event

log = logging.getLogger("logentic")

SEGMENT_BYTES = 8 * 2**20
FOLDER_MODE, FILE_MODE = 0o700, 0o600


def segments(folder: Path) -> list[Path]:
    """Oldest first."""
    return sorted(path for path in folder.glob("*.log") if path.stem.isdecimal() and path.is_file())


def read_events(segment: Path) -> Iterator[Event]:
    """Every whole record of a segment. A record that was torn or damaged is passed over, and said: if it was being
    written when the process died, its sender has no answer and sends it again.
    """
    with segment.open("rb") as file:
        for number, line in enumerate(file, 1):
            checksum, _, record = line.rstrip(b"\n").partition(b" ")
            try:
                if int(checksum, 16) != crc32(record):
                    raise ValueError("checksum")  # noqa: TRY301
                yield Event.from_line(record)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                if line.strip():
                    log.warning("%s, line %d is damaged: passed over", segment.name, number)


class EventQueue:
    """Appends events; `put` answers when the event is on the disk, in one write and one fsync for all that wait."""

    def __init__(self, folder: Path, duplicates_within: timedelta, lock: TextIO) -> None:
        self._folder, self._within, self._lock = folder, duplicates_within, lock
        # By content: what is on the disk, oldest first, and what is being written. Of the first there may be millions:
        # plain texts and numbers, which cost the garbage collector nothing.
        self._kept: OrderedDict[str, float] = OrderedDict()
        self._being_kept: dict[str, Future[bool]] = {}
        self._file, self._size = -1, 0
        self.failure: OSError | None = None  # of the last write
        self._waiting: SimpleQueue[tuple[Event, Future[bool]] | None] = SimpleQueue()
        self._guard = threading.Lock()
        self._writer = threading.Thread(target=self._write_what_waits, name="event queue", daemon=True)

    @classmethod
    def open(cls, folder: Path, duplicates_within: timedelta) -> "EventQueue":
        """Lock the folder, read what it keeps, and start the thread that writes."""
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                f"another receiver keeps its events in {folder}", "Stop it first, or name another --db."
            ) from None
        queue = cls(folder, duplicates_within, lock)
        queue._remember_what_is_kept()
        queue._writer.start()
        return queue

    def put(self, event: Event) -> "Future[bool]":
        """Answers True when the event is kept, False when its content was kept before; or raises OSError."""
        with self._guard:
            self._forget_what_is_old(event.received_at)
            answer: Future[bool] = Future()
            if event.content in self._kept:
                answer.set_result(False)
                return answer
            if first := self._being_kept.get(event.content):
                first.add_done_callback(lambda done: _follow(done, answer))
                return answer
            self._being_kept[event.content] = answer
        self._waiting.put((event, answer))
        return answer

    def knows(self, content: str) -> bool:
        """Whether this content is on the disk already, and recent: its delivery needs no more work."""
        return content in self._kept

    def can_write(self) -> bool:
        """Whether a record can be written now: tried, not guessed."""
        try:
            probe = self._folder / "probe"
            with probe.open("wb") as file:
                file.write(b"\0" * 4096)
                file.flush()
                os.fsync(file.fileno())
            probe.unlink()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Write what waits, and let the folder go."""
        self._waiting.put(None)
        self._writer.join()
        if self._file >= 0:
            os.close(self._file)
        self._lock.close()

    def _write_what_waits(self) -> None:
        going_on = True
        while going_on:
            batch = [self._waiting.get()]
            while not self._waiting.empty():
                batch.append(self._waiting.get())
            going_on = None not in batch
            self._write([entry for entry in batch if entry])

    def _write(self, batch: Sequence[tuple[Event, "Future[bool]"]]) -> None:
        try:
            if self._file < 0 or self._size > SEGMENT_BYTES:
                self._begin_segment()
            self._append(b"".join(_framed(event) for event, _ in batch))
            self.failure = None
        except OSError as failure:
            self.failure = failure
            with self._guard:
                for event, _ in batch:
                    del self._being_kept[event.content]
            for _, answer in batch:
                answer.set_exception(failure)
        else:
            with self._guard:
                for event, _ in batch:
                    self._kept[event.content] = event.received_at.timestamp()
                    del self._being_kept[event.content]
            for _, answer in batch:
                answer.set_result(True)

    def _append(self, data: bytes) -> None:
        """All of it or nothing: what a full disk took half is taken back."""
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def _begin_segment(self) -> None:
        """A new file, also after every start: the one before may end in half a record."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        last = segments(self._folder)[-1:]
        number = int(last[0].stem) + 1 if last else int(datetime.now(UTC).timestamp())
        self._file = os.open(
            self._folder / f"{number:012d}.log", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, FILE_MODE
        )
        self._size = 0
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # the name of the file as well
        finally:
            os.close(descriptor)

    def _remember_what_is_kept(self) -> None:
        for segment in segments(self._folder):
            for event in read_events(segment):
                self._kept[event.content] = event.received_at.timestamp()
        self._forget_what_is_old(datetime.now(UTC))

    def _forget_what_is_old(self, now: datetime) -> None:
        oldest = (now - self._within).timestamp()
        while self._kept and next(iter(self._kept.values())) <= oldest:
            self._kept.popitem(last=False)


def _framed(event: Event) -> bytes:
    record = event.as_line()
    return b"%08x %s\n" % (crc32(record), record)


def _follow(first: "Future[bool]", again: "Future[bool]") -> None:
    """A second delivery of the same content fares as the first: kept once, or not at all."""
    if failure := first.exception():
        again.set_exception(failure)
    else:
        again.set_result(False)
