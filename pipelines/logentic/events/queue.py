"""Queue events on disk, from before the response to the sender until a run has published them."""

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


def list_segments(folder: Path) -> list[Path]:
    """Queue events on disk before responding to the sender, until a run has published them."""
    return sorted(path for path in folder.glob("*.log") if path.stem.isdecimal() and path.is_file())


def read_events(segment: Path) -> Iterator[Event]:
    """Yield the intact records of a segment; log each damaged one.

    A record that a dying process left incomplete was never acknowledged: its sender sends it again.
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
                    log.warning("%s, line %d is damaged: skipped", segment.name, number)


class EventQueue:
    """Append events; one write and one fsync store all that are waiting."""

    def __init__(self, folder: Path, duplicates_within: timedelta, lock: TextIO) -> None:
        self._folder, self._duplicates_within, self._lock = folder, duplicates_within, lock
        # Contents of events on disk, oldest first, and of events being written. There may be millions of the first, so
        # they are plain texts and numbers, which cost the garbage collector nothing.
        self._stored_at: OrderedDict[str, float] = OrderedDict()
        self._pending: dict[str, Future[bool]] = {}
        self._file, self._size = -1, 0
        self.failure: OSError | None = None  # of the last write
        self._incoming: SimpleQueue[tuple[Event, Future[bool]] | None] = SimpleQueue()
        self._mutex = threading.Lock()
        self._writer = threading.Thread(target=self._write_batches, name="event queue", daemon=True)

    @classmethod
    def open(cls, folder: Path, duplicates_within: timedelta) -> "EventQueue":
        """Lock the folder, read its segments, and start the thread that writes."""
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                f"another receiver keeps its events in {folder}", "Stop it first, or name another --db."
            ) from None
        queue = cls(folder, duplicates_within, lock)
        queue._load_stored()
        queue._writer.start()
        return queue

    def put(self, event: Event) -> "Future[bool]":
        """Return a future: True once the event is on the disk, False if its content is already stored, or OSError."""
        with self._mutex:
            self._drop_expired(event.received_at)
            result: Future[bool] = Future()
            if event.content in self._stored_at:
                result.set_result(False)
                return result
            if first := self._pending.get(event.content):
                first.add_done_callback(lambda done: _resolve_duplicate(done, result))
                return result
            self._pending[event.content] = result
        self._incoming.put((event, result))
        return result

    def has_content(self, content: str) -> bool:
        """Return whether this content is on disk and has not expired."""
        return content in self._stored_at

    def can_write(self) -> bool:
        """Return whether a record can be written now, by writing one."""
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
        """Write the waiting events and release the folder."""
        self._incoming.put(None)
        self._writer.join()
        if self._file >= 0:
            os.close(self._file)
        self._lock.close()

    def _write_batches(self) -> None:
        is_open = True
        while is_open:
            batch = [self._incoming.get()]
            while not self._incoming.empty():
                batch.append(self._incoming.get())
            is_open = None not in batch
            self._write([entry for entry in batch if entry])

    def _write(self, batch: Sequence[tuple[Event, "Future[bool]"]]) -> None:
        try:
            if self._file < 0 or self._size > SEGMENT_BYTES:
                self._start_segment()
            self._append(b"".join(_encode_record(event) for event, _ in batch))
            self.failure = None
        except OSError as failure:
            self.failure = failure
            with self._mutex:
                for event, _ in batch:
                    del self._pending[event.content]
            for _, result in batch:
                result.set_exception(failure)
        else:
            with self._mutex:
                for event, _ in batch:
                    self._stored_at[event.content] = event.received_at.timestamp()
                    del self._pending[event.content]
            for _, result in batch:
                result.set_result(True)

    def _append(self, data: bytes) -> None:
        """Write all data or nothing: truncate what a full disk left incomplete."""
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def _start_segment(self) -> None:
        """Open a new segment; also after every start, because the last one may end in an incomplete record."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        last = list_segments(self._folder)[-1:]
        number = int(last[0].stem) + 1 if last else int(datetime.now(UTC).timestamp())
        self._file = os.open(
            self._folder / f"{number:012d}.log", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, FILE_MODE
        )
        self._size = 0
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # sync the file's name as well
        finally:
            os.close(descriptor)

    def _load_stored(self) -> None:
        for segment in list_segments(self._folder):
            for event in read_events(segment):
                self._stored_at[event.content] = event.received_at.timestamp()
        self._drop_expired(datetime.now(UTC))

    def _drop_expired(self, now: datetime) -> None:
        oldest = (now - self._duplicates_within).timestamp()
        while self._stored_at and next(iter(self._stored_at.values())) <= oldest:
            self._stored_at.popitem(last=False)


def _encode_record(event: Event) -> bytes:
    record = event.as_line()
    return b"%08x %s\n" % (crc32(record), record)


def _resolve_duplicate(first: "Future[bool]", again: "Future[bool]") -> None:
    """Give a second delivery of the same content the outcome of the first."""
    if failure := first.exception():
        again.set_exception(failure)
    else:
        again.set_result(False)
