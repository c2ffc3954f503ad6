"""Buffer the rows of one window until it is complete: in memory, and above a limit in an unnamed file."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc

from logentic.errors import StateError
from logentic.extract.parsing import Rows, concatenated, count_distinct, distinct, merge_batches
from logentic.resources import Resource

HELD_BYTES = 8 * 2**20
PART_BYTES = 4 * 2**20  # lower limit: comparing a part takes some milliseconds, however small it is


class SpillBuffer:
    """Buffer rows; without a folder all of them stay in memory."""

    def __init__(self, resource: Resource, folder: Path | None = None) -> None:
        self.read = 0  # rows read from the pages
        self._resource = resource
        self._folder = folder
        self._held: list[Rows] = []
        self._bytes = 0
        self._is_doubled = False  # a key occurred twice
        self._file: IO[bytes] | None = None
        self._filed: list[Rows] = []  # kept in memory for each batch: its keys, and whether it has other tables

    @property
    def is_in_parts(self) -> bool:
        return self._file is not None

    def put(self, rows: Rows) -> None:
        self.read += rows.read
        self._held.append(rows)
        self._bytes += _size(rows)
        if self._folder and (self._file or self._bytes > HELD_BYTES):
            try:
                self._file = self._file or TemporaryFile(dir=self._folder, prefix="window-")  # noqa: SIM115
                while self._held:
                    self._write(self._held.pop(0), self._file)
                self._file.flush()
            except OSError as error:
                raise StateError(
                    f"{self._folder}: the rows of a window cannot wait there: {error.strerror}",
                    "Free space, then run again: loaded data is kept.",
                ) from None

    def count(self) -> int:
        """The number of distinct keys, counted as the list counts them; valid after the last batch."""
        key, counted_by = self._resource.key, self._resource.counted_by
        if not self._file:
            self._held = [merge_batches(self._resource, self._held)]
            each_once = self._held[0].records
            return len(each_once) if counted_by == key else count_distinct(each_once, counted_by)
        keys = self.keys()
        records = count_distinct(keys, key)
        self._is_doubled = records < len(keys)
        return records if counted_by == key else count_distinct(keys, counted_by)

    def different_keys(self) -> int:
        """The number of distinct keys so far."""
        return count_distinct(self.keys(), self._resource.key)

    def keys(self) -> pa.Table:
        key = list(self._resource.key)
        return pa.concat_tables([rows.records.select(key) for rows in self._filed or self._held])

    def parts(self) -> Iterator[Rows]:
        """Yield the rows in parts; in one part if all of them are in memory."""
        if not self._file:
            yield from self._held
            return
        keys, start, part = self.keys(), 0, list[Rows]()
        wanted = None
        if self._is_doubled:
            wanted = pc.is_in(pa.arange(0, len(keys)), distinct(keys, self._resource.key))
        self._file.seek(0)
        for filed in self._filed:
            records = pa.ipc.open_stream(self._file).read_all()
            lines = None if filed.lines is None else pa.ipc.open_stream(self._file).read_all()
            rejected = None if filed.rejected is None else pa.ipc.open_stream(self._file).read_all()
            rows = Rows(records, lines, filed.read, rejected)
            part.append(rows if wanted is None else rows.keep(wanted.slice(start, len(records))))
            start += len(records)
            if filed is self._filed[-1] or sum(map(_size, part)) >= PART_BYTES:
                yield concatenated(part)
                part = []

    def _write(self, rows: Rows, file: IO[bytes]) -> None:
        for table in (rows.records, rows.lines, rows.rejected):
            if table is not None:
                with pa.ipc.new_stream(file, table.schema) as stream:
                    stream.write_table(table)
        keys = rows.records.select(list(self._resource.key))
        lines, rejected = (None if table is None else table.slice(0, 0) for table in (rows.lines, rows.rejected))
        self._filed.append(Rows(keys, lines, rows.read, rejected))


def _size(rows: Rows) -> int:
    return sum(int(table.nbytes) for table in (rows.records, rows.lines, rows.rejected) if table is not None)
