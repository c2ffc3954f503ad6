"""Query the published file, which may be replaced at any time."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pyarrow.csv

from logentic.reports.published_file import open_published, read_known_at, with_currency_decimals
from logentic.sanitizer import cell
from logentic.settings import load_settings

NAMED = re.compile(r"\$([a-z]+)")
Found = TypeVar("Found")


@dataclass(frozen=True)
class QueryResult:
    """The rows of a query, exact. Charts may convert them to floats; tables and downloads never do."""

    table: pa.Table

    @classmethod
    def of(cls, rows: list[dict[str, Any]]) -> "QueryResult":
        """Make a result from rows that did not come from a query."""
        return cls(pa.Table.from_pylist(rows))

    def __bool__(self) -> bool:
        return bool(self.table.num_rows)

    @property
    def columns(self) -> list[str]:
        return list(self.table.column_names)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self.table.to_pylist())

    @property
    def first_row(self) -> dict[str, Any]:
        """Return the row of a query that returns exactly one."""
        return self.rows[0]

    def download(self) -> bytes:
        """Return CSV for a spreadsheet: texts that look like a formula get an apostrophe."""
        table = self.table
        for place, column in enumerate(table.schema):
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                texts = table.column(place).combine_chunks().dictionary_encode()
                cells = pa.array([cell(text) for text in texts.dictionary.to_pylist()], column.type)
                table = table.set_column(place, column, cells.take(texts.indices))
        return QueryResult(table.rename_columns([cell(name) for name in table.column_names])).csv()

    def csv(self) -> bytes:
        """Return CSV for a chart, with unchanged values."""
        buffer = io.BytesIO()
        pyarrow.csv.write_csv(self.table, buffer)
        return buffer.getvalue()


@dataclass(frozen=True)
class Snapshot:
    """An open connection to FILE: all panels of a view see the same tables."""

    file: Path
    connection: duckdb.DuckDBPyConnection
    _read: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, read: Callable[..., Found], *values: Any) -> Found:
        """Return `read(self, *values)`; panels that ask for the same share it."""
        if (read, values) not in self._read:
            self._read[read, values] = read(self, *values)
        found: Found = self._read[read, values]
        return found

    @property
    def today(self) -> date:
        """The service's day, in the account's time zone, up to which FILE is complete."""
        return read_known_at(self.connection).astimezone(ZoneInfo(load_settings().timezone)).date()

    def query(self, query: str, **values: Any) -> QueryResult:
        # The value of a control without options is null.
        named = {name: values.get(name) for name in NAMED.findall(query)}
        return QueryResult(self.connection.sql(with_currency_decimals(query), params=named).to_arrow_table())


@contextmanager
def open_snapshot(file: Path) -> Iterator[Snapshot]:
    """Open FILE; raise `LogenticError` if it is missing or foreign."""
    with open_published(file) as connection:
        yield Snapshot(file, connection)
