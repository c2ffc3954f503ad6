"""Describe the rows of a page: their fields, their order, and how numbers and times are written."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from logentic.json_text import as_list
from logentic.resources import DAY, MOMENT, Resource

Row = dict[str, Any]
TIME = re.compile(r"\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")
ROWS_IN_ORDER = 3  # fewer rows are often sorted by chance


def fields_of(resource: Resource, row: Row) -> Iterator[tuple[str, Any]]:
    """Return the fields, named as in the raw tables: place__city; a field of a line is stored_items.quantity."""
    nested = {name.partition("__")[0] for name in resource.columns if "__" in name}
    for name, value in row.items():
        if name in nested and isinstance(value, dict):
            yield from ((f"{name}__{inner}", part) for inner, part in value.items())
        elif resource.lines and name == resource.lines.field and (found := as_list(value)) is not None:
            lines = [line for line in found if isinstance(line, dict)]
            yield from ((f"{name}.{inner}", part) for line in lines for inner, part in line.items())
        elif name not in nested or value:  # skip PHP's empty map, or null: it is not a field
            yield name, value


def leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values within a value, with their paths."""
    if isinstance(value, dict):
        for inner, part in value.items():
            yield from leaves(f"{name}.{inner}", part)
    elif isinstance(value, list):
        for part in value:
            yield from leaves(name, part)
    elif value is not None and not isinstance(value, bool):
        yield name, value


def order_of(rows: list[Row]) -> str | None:
    """Return the sort order of a page: "nothing" if there is none, None if too few rows could show one."""
    if len(rows) < ROWS_IN_ORDER:
        return None
    for names in (("id",), ("date", "id"), ("updated_at",), ("date",)):
        keys = [tuple(_comparable(row.get(name)) for name in names) for row in rows]
        if len(set(keys)) < ROWS_IN_ORDER or any(None in key for key in keys):
            continue
        if keys == sorted(keys):
            return ", ".join(names)
        if keys == sorted(keys, reverse=True):
            return f"{', '.join(names)}, descending"
    return "nothing"


def decimal_form(resource: Resource, rows: list[Row]) -> str | None:
    """Return `numbers`, `text`, or both."""
    names = [name for name, kind in resource.columns.items() if pa.types.is_decimal(kind)]
    values = [row[name] for row in rows for name in names if row.get(name) is not None]
    forms = {
        "text" if isinstance(value, str) else "numbers" for value in values if isinstance(value, str | int | Decimal)
    }
    return " and ".join(sorted(forms)) or None


def time_forms(resource: Resource, rows: list[Row]) -> list[str]:
    """Return formats such as YYYY-MM-DDThh:mm:ssZ."""
    names = [name for name, kind in resource.columns.items() if kind in (MOMENT, DAY)]
    values = {row[name] for row in rows for name in names if isinstance(row.get(name), str)}
    return sorted({_time_form(value) for value in values})


def _time_form(value: str) -> str:
    found = TIME.fullmatch(value)
    if not found:
        return "another form"
    separator, fraction, zone = found.groups()
    if separator is None:
        return "YYYY-MM-DD"
    digits = "." + "f" * (len(fraction) - 1) if fraction else ""
    return f"YYYY-MM-DD{separator}hh:mm:ss{digits}{zone if zone in (None, 'Z') else '+hh:mm'}".replace("None", "")


def _comparable(value: Any) -> tuple[int, Any] | None:
    """Return a sort key, numbers before times; None for values without an order."""
    if isinstance(value, int | Decimal) and Decimal(value).is_finite():
        return 0, value
    try:
        at = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    return 1, at if at.tzinfo else at.replace(tzinfo=UTC)
