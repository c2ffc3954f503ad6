"""Read rows to push from a file or another source, and validate them by the API reference."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from logentic.api.values import Unreadable, reader
from logentic.errors import UsageError
from logentic.json_text import as_list, loads
from logentic.resources import INTEGER, ITEMS, ORDERS, SIDES, TEXT, Resource

Name = tuple[str, Any]  # a field by which a record is found, and its value
OWN_FIELDS = ("id", "created_at", "updated_at")  # that the service sets
DELETE = "delete"  # the column that marks a row as one to delete
IGNORED_PREFIX = "_"  # of columns that are notes for people, or dlt's own
LARGEST_FILE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Target:
    """What can be written of a resource. `names` find a record; a record is created only with `required` fields."""

    resource: Resource
    names: tuple[str, ...]
    required: tuple[str, ...]
    columns: Mapping[str, pa.DataType]  # by path: recipient.name
    statuses: tuple[str, ...] = ()
    can_delete: bool = False

    @property
    def name(self) -> str:
        return self.resource.name

    def is_personal(self, path: str) -> bool:
        return path.replace(".", "__") in self.resource.personal


def _writable(resource: Resource) -> dict[str, pa.DataType]:
    return {name.replace("__", "."): kind for name, kind in resource.columns.items() if name not in OWN_FIELDS}


LINE_COLUMNS = ORDERS.lines.columns if ORDERS.lines else {}
TARGETS = {
    "items": Target(
        ITEMS,
        ("external_name", "shopify_variant_id"),
        ("name", *SIDES, "weight"),
        _writable(ITEMS),
        can_delete=True,
    ),
    "orders": Target(
        ORDERS,
        ("external_name", "shopify_order_id"),
        (
            *("order_type", "status", "warehouse_id", "recipient.name", "recipient.email", "recipient.phone"),
            *("place.address1", "place.postal_code", "place.city", "place.province_code", "place.country_code"),
            "stored_items",
        ),
        _writable(ORDERS),
        statuses=("PENDING", "CANCELLED"),
    ),
}


@dataclass(frozen=True)
class RowError:
    """`field` is empty for what concerns the whole row."""

    row: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"row {self.row}: {f'{self.field}: ' if self.field else ''}{self.message}"


@dataclass(frozen=True)
class PushRow:
    """A valid row. `number` counts the rows of the file from 1; `values` are by path, lines under stored_items."""

    number: int
    values: Mapping[str, Any]
    record_id: int | None = None
    names: tuple[Name, ...] = ()
    is_delete: bool = False

    @property
    def label(self) -> str:
        return str(self.names[0][1]) if self.names else f"id {self.record_id}"


@dataclass
class _Reading:
    target: Target
    rows: list[PushRow] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)


def read_file(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a CSV, JSON or JSON Lines file. Raises `UsageError` if it cannot be read."""
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise UsageError(f"{path} is larger than 256 MB", "Split it.")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", "Name a CSV or JSON file.") from None
    try:
        if path.suffix.lower() == ".csv":
            return _read_csv(content.decode("utf-8-sig"))
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            rows = [loads(line) for line in content.splitlines() if line.strip()]
        else:
            document = loads(content)
            rows = as_list(document.get("data", document) if isinstance(document, dict) else document) or []
    except ValueError as error:
        raise UsageError(f"{path} cannot be read: {error}", "Save it as CSV (UTF-8) or JSON.") from None
    if not all(isinstance(row, dict) for row in rows):
        raise UsageError(f"{path} is not a list of records", "Write a list of objects, as the API reference has them.")
    return rows


def _read_csv(text: str) -> list[dict[str, Any]]:
    """Return a row per record; an empty cell is not given. Lines of an order follow each other under one name."""
    sample = text.partition("\n")[0]
    delimiter = ";" if sample.count(";") > sample.count(",") else ","
    rows: list[dict[str, Any]] = []
    for line in csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True):
        if None in line or None in line.values():
            raise ValueError(f"line {len(rows) + 2} has another number of cells than the header")
        given = {name.strip(): value.strip() for name, value in line.items() if value.strip()}
        rows.append({name: _without_apostrophe(value) for name, value in given.items()})
    return rows


def _without_apostrophe(value: str) -> str:
    """Undo what the product's own CSV files do to text that a spreadsheet would take for a formula."""
    return value[1:] if value[:2] in ("'=", "'+", "'-", "'@") else value


def validate(target: Target, given: Iterable[Mapping[str, Any]]) -> tuple[list[PushRow], list[RowError]]:
    """Return the valid rows and every error, in the order of the rows."""
    reading = _Reading(target)
    seen: dict[Name, int] = {}
    for number, row in _with_lines(target, given):
        valid = _validate_row(reading, number, row)
        if valid is None:
            continue
        for name in [*valid.names, *([("id", valid.record_id)] if valid.record_id is not None else [])]:
            if name in seen:
                message = f"{name[1]} is also in row {seen[name]}"
                reading.errors.append(RowError(number, name[0], message))
            seen.setdefault(name, number)
        reading.rows.append(valid)
    return reading.rows, reading.errors


def _with_lines(target: Target, given: Iterable[Mapping[str, Any]]) -> Iterable[tuple[int, dict[str, Any]]]:
    """Yield each record with its number. Rows with the columns of a line are grouped by their names."""
    groups: dict[Any, tuple[int, dict[str, Any]]] = {}
    for number, row in enumerate(given, start=1):
        record = {name: value for name, value in row.items() if not name.startswith(IGNORED_PREFIX)}
        lines = {name: record.pop(name) for name in LINE_COLUMNS if name in record} if target.statuses else {}
        if not lines:
            groups[number] = (number, record)
            continue
        key = tuple(str(record.get(name)) for name in ("id", *target.names))
        first = groups.setdefault(key if any(part != "None" for part in key) else number, (number, record))[1]
        first.setdefault("stored_items", []).append(lines)
        for name, value in record.items():
            if first.setdefault(name, value) != value:
                first["stored_items"] = None
                first[name] = _Contradiction()
    yield from groups.values()


class _Contradiction:
    """Two lines of one order that differ in a field of the order."""


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by path: nested objects, and columns such as recipient__name, become recipient.name."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": part for inner, part in value.items()}
        else:
            flat[name.replace("__", ".")] = value
    return flat


def _validate_row(reading: _Reading, number: int, row: Mapping[str, Any]) -> PushRow | None:
    target, values, problems = reading.target, dict[str, Any](), list[tuple[str, str]]()
    flat = _flat(row)
    record_id = _value(problems, "id", flat.pop("id", None), INTEGER)
    is_delete = _value(problems, DELETE, flat.pop(DELETE, None), pa.bool_()) is True
    lines = flat.pop("stored_items", None)
    for path, value in flat.items():
        if path in OWN_FIELDS:
            continue  # a record as it was read may be pushed
        if path not in target.columns:
            problems.append((path, f"is no field of {target.name} in the API reference"))
        elif isinstance(value, _Contradiction):
            problems.append((path, "differs between the lines of one order"))
        else:
            before = len(problems)
            read = _value(problems, path, value, target.columns[path])
            if len(problems) == before:
                values[path] = read
    if "stored_items" in row and target.statuses and lines is not None:
        values["stored_items"] = _lines(problems, lines)
    _check_values(target, values, problems)
    names = tuple((name, values[name]) for name in target.names if values.get(name))
    if is_delete and not target.can_delete:
        problems.append((DELETE, f"the API has no request to delete {target.name}"))
    if not names and record_id is None:
        problems.append(("", f"needs id or {' or '.join(target.names)}, so that the record can be found"))
    reading.errors += [RowError(number, path, message) for path, message in problems]
    return None if problems else PushRow(number, values, record_id, names, is_delete)


def _value(problems: list[tuple[str, str]], path: str, value: Any, kind: pa.DataType) -> Any:
    try:
        if isinstance(value, float):
            value = Decimal(repr(value))
        return reader(kind)(value)
    except Unreadable as error:
        problems.append((path, f"is {error}"))
        return None


def _lines(problems: list[tuple[str, str]], given: Any) -> list[dict[str, Any]]:
    """Return the lines of an order, each with an item and a quantity above 0."""
    lines = []
    for number, line in enumerate(as_list(given) or [], start=1):
        where = f"stored_items.{number}"
        if not isinstance(line, dict):
            problems.append((where, "is not an object"))
            continue
        read = {name: _value(problems, f"{where}.{name}", line.get(name), kind) for name, kind in LINE_COLUMNS.items()}
        if read["item_id"] is None and not read["shopify_variant_id"]:
            problems.append((where, "needs item_id or shopify_variant_id"))
        if read["quantity"] is None or read["quantity"] <= 0:
            problems.append((f"{where}.quantity", "must be above 0"))
        lines.append({name: value for name, value in read.items() if value is not None})
    if not lines:
        problems.append(("stored_items", "must have a line at least"))
    return lines


def _check_values(target: Target, values: Mapping[str, Any], problems: list[tuple[str, str]]) -> None:
    for side in SIDES:
        if (value := values.get(side)) is not None and value <= 0:
            problems.append((side, "must be above 0"))
    if (weight := values.get("weight")) is not None and weight < 0:
        problems.append(("weight", "must not be negative"))
    for path in target.required:
        if path in values and values[path] in (None, ""):
            problems.append((path, "must not be empty"))
    for name in target.names:
        value = values.get(name)
        if value and ("," in value or value != value.strip()):
            problems.append((name, "must not have commas, or blanks at its ends: the service could not find it"))
    if (country := values.get("place.country_code")) and not (len(country) == 2 and country.isalpha()):
        problems.append(("place.country_code", "must be an ISO code of two letters"))


def missing_fields(target: Target, row: PushRow) -> list[str]:
    """Return the required fields that a row to create does not have."""
    return [path for path in target.required if row.values.get(path) in (None, "", [])]


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request: values by path as nested objects, numbers as JSON numbers."""
    body: dict[str, Any] = {}
    for path, value in values.items():
        group, dot, name = path.partition(".")
        if dot:
            body.setdefault(group, {})[name] = _plain(value)
        else:
            body[path] = _plain(value)
    return body


def _plain(value: Any) -> Any:
    """Return decimals without trailing zeros, as whole numbers where they are."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value.normalize()
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def differences(
    target: Target, row: PushRow, record: Mapping[str, Any], skipped: Sequence[str] = ()
) -> list[tuple[str, Any, Any]]:
    """Return (path, value of the record, value of the row) of each given field that differs."""
    flat = _flat(record)
    found = []
    for path, value in row.values.items():
        if path in skipped:
            continue
        if path == "stored_items":
            if not _equal_lines(value, flat.get(path)):
                found.append((path, flat.get(path), value))
        elif not is_equal(flat.get(path), value, target.columns[path]):
            found.append((path, flat.get(path), value))
    return found


def is_equal(stored: Any, value: Any, kind: pa.DataType) -> bool:
    try:
        stored = reader(kind)(stored)
    except Unreadable:
        return False
    if kind == TEXT:
        return (stored or "") == (value or "")
    return bool(stored == value)


def _equal_lines(given: Sequence[Mapping[str, Any]], stored: Any) -> bool:
    """Return whether both have the same lines, in any order; a given line may lack one of its two ids."""
    left = [line for line in as_list(stored) or [] if isinstance(line, dict)]
    for line in given:
        match = next(
            (each for each in left if all(is_equal(each.get(n), v, LINE_COLUMNS[n]) for n, v in line.items())), None
        )
        if match is None:
            return False
        left.remove(match)
    return not left and len(given) == len(as_list(stored) or [])
