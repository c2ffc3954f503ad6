"""Tables on their way to paper: a sheet is a query's result whose columns know what they hold.

In: a query on the published file. Out: a `Sheet`, which workbook.py formats and which `--csv` writes as it is.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from logentic.reports.published import records

KINDS = {"DECIMAL": "money", "BIGINT": "id", "HUGEINT": "count", "INTEGER": "count", "DATE": "date"}
MEASURES = ("volume", "rate", "quantity", "share", "fixed", "per_unit", "minimum", "error")


@dataclass(frozen=True)
class Column:
    """`kind` is money, number, count, id, date, time or text; only money is added up."""

    name: str
    kind: str

    @property
    def heading(self) -> str:
        return self.name.removesuffix("_cuft").replace("_", " ").capitalize() + (
            " (cu ft)" if self.name.endswith("_cuft") else ""
        )


@dataclass(frozen=True)
class Sheet:
    name: str
    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    about: str = ""

    def total(self, column: int) -> Decimal:
        """Exact, of all rows."""
        return sum((row[column] for row in self.rows if row[column] is not None), Decimal(0))


def sheet_of(
    published: duckdb.DuckDBPyConnection, name: str, sql: str, values: Any = None, about: str = ""
) -> Sheet | None:
    """The sheet of a query; None where it has no rows."""
    rows = records(published, sql, values)
    if not rows:
        return None
    described = published.execute(f"describe {sql}", values).fetchall()
    columns = tuple(Column(column, _kind(column, kind)) for column, kind, *_ in described)
    return Sheet(name, columns, [tuple(row.values()) for row in rows], about)


def write_csv(sheets: Iterable[Sheet], folder: Path) -> list[Path]:
    """One file per sheet. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for sheet in sheets:
        path = folder / f"{sheet.name.lower().replace(' ', '_')}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(column.name for column in sheet.columns)
            writer.writerows([harmless(value) for value in row] for row in sheet.rows)
        written.append(path)
    return written


def harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _kind(name: str, kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        return "time"
    if kind == "BIGINT" and not name.endswith("_id"):
        return "count"
    found = KINDS.get(kind.split("(", maxsplit=1)[0], "text")
    return "number" if found == "money" and any(word in name for word in MEASURES) else found
