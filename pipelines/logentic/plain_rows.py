"""The careful way from JSON to columns: row by row, nothing guessed, nothing lost.

In: the rows of pages as JSON. Out: Arrow arrays by column, every field that the reference does not name as text
(the JSON text of its value) and hashed where it looks personal. A value that its column cannot hold raises
`ValueMisfit` with the resource, the field and the value's type. Next: back to rows.py.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from itertools import chain, count
from typing import Any

import pyarrow as pa
import simplejson

from logentic.errors import BadAnswer, ValueMisfit
from logentic.personal import Pseudonyms
from logentic.schemas import DAY, INTEGER, MOMENT, TEXT, TRUTH, Resource

Columns = dict[str, pa.Array]
LONGEST_NAME = 60  # PostgreSQL cuts a name after 63 bytes; a number may follow


def read_plainly(
    resource: Resource, pages: Sequence[bytes], pseudonyms: Pseudonyms, where: str
) -> tuple[Columns, Columns | None, list[int]]:
    """Columns of the records, columns of their lines (with `_parent`, the record's place), rows of each page."""
    try:
        documents = [simplejson.loads(page, use_decimal=True)["data"] for page in pages]
    except ValueError:
        raise BadAnswer(f"{where}: the rows are not JSON", "Run again; if it stays, report it to Logentic.") from None
    rows = [row for document in documents for row in document]
    for row in rows:
        if not isinstance(row, dict):
            raise ValueMisfit(f"{where}: a row is {_kind_of(row)} and not an object", "Report it to Logentic.")
    nested = {name.partition("__")[0] for name in resource.columns if "__" in name}
    own_list = {resource.lines.field} if resource.lines else set()
    records = [_flatten(row, nested, own_list, where) for row in rows]
    columns = _columns(records, resource.columns, pseudonyms, where)
    for name in resource.key:
        if name != "warehouse_id" and columns[name].null_count:
            raise ValueMisfit(f"{where}: a row without {name!r}", "Report it to Logentic.")
    return columns, _lines(resource, rows, pseudonyms, where), [len(document) for document in documents]


def _lines(resource: Resource, rows: list[Any], pseudonyms: Pseudonyms, where: str) -> Columns | None:
    lines = resource.lines
    if not lines:
        return None
    found = []
    for parent, row in enumerate(rows):
        own = row.get(lines.field) or []
        if not isinstance(own, list) or not all(isinstance(line, dict) for line in own):
            raise _misfit(where, lines.field, _kind_of(own), "a list of objects")
        found += [(parent, number, line) for number, line in enumerate(own, 1)]
    columns = _columns([line for _, _, line in found], lines.columns, pseudonyms, f"{where}, {lines.field}")
    return {
        lines.parent: pa.array([_integer(rows[parent]["id"]) for parent, _, _ in found], INTEGER),
        "line_number": pa.array([number for _, number, _ in found], INTEGER),
        **columns,
        "_parent": pa.array([parent for parent, _, _ in found], INTEGER),
    }


def _flatten(row: dict[str, Any], nested: set[str], dropped: set[str], where: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name in dropped:
            continue
        if name in nested and isinstance(value, dict | list | None):
            if isinstance(value, list) and value:
                raise _misfit(where, name, "a list", "an object")
            # PHP writes an empty map as an empty array.
            flat |= {f"{name}__{inner}": part for inner, part in dict(value or {}).items()}
        else:
            flat[name] = value
    return flat


def _columns(
    records: list[dict[str, Any]], known: dict[str, pa.DataType], pseudonyms: Pseudonyms, where: str
) -> Columns:
    columns = {
        name: _column((record.get(name) for record in records), kind, name, where) for name, kind in known.items()
    }
    for name in sorted({name for record in records for name in record} - set(known)):
        texts = [_text(pseudonyms.unknown(name, record.get(name))) for record in records]
        columns[_free_name(name, columns)] = pa.array(texts, pa.string())
    return columns


def _free_name(field: str, taken: Columns) -> str:
    """A field as dlt will name its column: under another name, what is read would never equal what is stored."""
    parts = (re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", part) for part in field.split("__"))
    words = (re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_") for part in parts)
    name = "__".join(word for word in words if word) or "unnamed"
    name = f"_{name}" if name[0].isdigit() else name
    if len(name) > LONGEST_NAME:  # two that begin alike stay two
        name = f"{name[: LONGEST_NAME - 11]}_{blake2b(field.encode(), digest_size=5).hexdigest()}"
    return next(free for free in chain([name], (f"{name}_{n}" for n in count(2))) if free not in taken)


def _column(values: Iterable[Any], kind: pa.DataType, name: str, where: str) -> pa.Array:
    read = READERS.get(kind, _decimal)
    converted = []
    for value in values:
        try:
            converted.append(None if value is None else read(value))
        except (ValueError, TypeError, OverflowError, InvalidOperation):
            raise _misfit(where, name, _kind_of(value), kind) from None
    try:
        return pa.array(converted, kind)
    except (pa.ArrowInvalid, OverflowError):
        raise _misfit(where, name, "a value too large or with too many digits", kind) from None


def _misfit(where: str, name: str, what: str, kind: pa.DataType | str) -> ValueMisfit:
    return ValueMisfit(
        f"{where}: field {name!r} holds {what} where {kind} is expected",
        "Nothing of this window was loaded. Report it, with the field's name.",
    )


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise TypeError
    number = Decimal(value)
    if number != number.to_integral_value():
        raise ValueError
    return int(number)


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise TypeError
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError
    return number


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _day(value: Any) -> date:
    """A day, also where it is written as the midnight that begins it."""
    moment = datetime.fromisoformat(value)
    if moment.time().isoformat() != "00:00:00":
        raise ValueError
    return moment.date()


def _truth(value: Any) -> bool:
    if value in (True, False, 0, 1, "0", "1"):
        return bool(int(value))
    raise TypeError


def _name(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise TypeError
    return str(value)


def _text(value: Any) -> str | None:
    """The JSON text of a value; a string stands without its quotes."""
    if value is None or isinstance(value, str):
        return value
    return str(simplejson.dumps(value, use_decimal=True, ensure_ascii=False, separators=(",", ":")))


def _kind_of(value: Any) -> str:
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a number",
        Decimal: "a number",
    }
    return kinds.get(type(value), "null")


READERS = {INTEGER: _integer, MOMENT: _moment, DAY: _day, TRUTH: _truth, TEXT: _name}
