"""Query tables for the workbook and CSV: each column of a sheet has a kind of value."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from logentic.currencies import minor_digits
from logentic.reports.output_files import output_file
from logentic.reports.published_file import read_records
from logentic.sanitizer import cell, printable

HEADINGS = {"payment_id": "Invoice", "sku": "SKU", "average_volume_cuft": "Average volume (cu ft)"}
HEADINGS |= {"amount_at_stake": "Amount", "charge_id": "Charge", "order_id": "Order", "dispute_until": "Deadline"}
HEADINGS |= {"value_before": "Before", "value_after": "After", "value_difference": "Difference"}
KINDS = {"DECIMAL": "money", "BIGINT": "id", "HUGEINT": "count", "INTEGER": "count", "DATE": "date"}
MEASURES = ("volume", "value", "rate", "quantity", "fixed", "per_unit", "minimum", "error", "included", "maximum")


@dataclass(frozen=True)
class SheetColumn:
    """A column; `kind` is money, amount, number, share, count, id, date, month, time or text.

    Only money has a total; an amount is shown as money is.
    """

    name: str
    kind: str

    @property
    def heading(self) -> str:
        return HEADINGS.get(self.name, self.name.replace("_", " ").capitalize())


@dataclass(frozen=True)
class Sheet:
    """A table. `name` is also that of its CSV file, `about` describes it."""

    name: str
    columns: tuple[SheetColumn, ...]
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    about: str = ""
    tab: str = ""  # of the worksheet, if it differs from the name

    def total(self, column: int) -> Decimal:
        """Return the exact sum of a column over all rows."""
        return sum((row[column] for row in self.rows if row[column] is not None), Decimal(0))

    def without_empty_columns(self, *kept: str) -> "Sheet":
        """Drop columns without values, to save space on paper; money columns and those named stay."""
        filled = [
            index
            for index, column in enumerate(self.columns)
            if column.kind == "money"
            or column.name in kept
            or not self.rows
            or any(row[index] not in (None, "") for row in self.rows)
        ]
        return self._with_columns(filled)

    def without(self, *names: str) -> "Sheet":
        """Drop columns by name."""
        return self._with_columns([index for index, column in enumerate(self.columns) if column.name not in names])

    def _with_columns(self, chosen: list[int]) -> "Sheet":
        columns = tuple(self.columns[index] for index in chosen)
        return replace(self, columns=columns, rows=[tuple(row[index] for index in chosen) for row in self.rows])


def query_sheet(
    published: duckdb.DuckDBPyConnection, name: str, sql: str, values: Any = None, about: str = ""
) -> Sheet | None:
    """Return the sheet of a query; None if it has no rows."""
    rows = read_records(published, sql, values)
    if not rows:
        return None
    described = published.execute(f"describe {sql}", values).fetchall()
    columns = tuple(SheetColumn(column, _kind(column, kind)) for column, kind, *_ in described)
    values_of = (tuple(printable(each) if isinstance(each, str) else each for each in row.values()) for row in rows)
    return Sheet(name, columns, list(values_of), about)


def write_csv(sheets: Iterable[Sheet], folder: Path, currency: str, separator: str = ",") -> list[Path]:
    """Write a file for each sheet; a text that a spreadsheet would take for a formula gets an apostrophe.

    Files begin with a byte-order mark, without which Excel takes UTF-8 for another encoding. Programs that separate
    columns by semicolons write decimals with a comma.
    """
    paths = []
    for sheet in sheets:
        path = folder / f"{sheet.name.lower().replace(' ', '_')}.csv"
        with output_file("--csv", path) as partial, partial.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, delimiter=separator)
            writer.writerow(cell(column.name) for column in sheet.columns)
            point = "," if separator == ";" else "."
            writer.writerows([csv_value(value, currency, point) for value in row] for row in sheet.rows)
        paths.append(path)
    return paths


def csv_value(value: Any, currency: str, point: str = ".") -> Any:
    if isinstance(value, Decimal):
        whole, _, fraction = f"{value:f}".partition(".")
        digits = min(minor_digits(currency), 2)
        return point.join(filter(None, (whole, fraction.rstrip("0").ljust(digits, "0"))))
    return cell(value)


def _kind(name: str, kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        return "time"
    if kind == "BIGINT" and not name.endswith("_id"):
        return "count"
    if name == "month":
        return "month"
    if name.endswith("_share"):
        return "share"
    found = KINDS.get(kind.split("(", maxsplit=1)[0], "text")
    return "number" if found == "money" and any(word in name for word in MEASURES) else found
