"""The careful way from JSON to columns: row by row, nothing guessed, nothing lost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cached_property
from typing import Any, NamedTuple

import pyarrow as pa

from logentic.api.values import Unreadable, reader
from logentic.errors import BadAnswer
from logentic.extra_columns import MORE_FIELDS, ExtraColumns, column_names
from logentic.json_text import MAX_NESTING, as_list, compact, dumps, is_damaged, is_too_deep, loads, repaired, row_texts
from logentic.privacy.measures import is_identifier
from logentic.privacy.pseudonyms import Pseudonyms
from logentic.resources import INTEGER, IS_REMOVED, SEEN_AT, TEXT, Resource

Columns = dict[str, pa.Array]
Row = dict[str, Any]
REPLACED = "invalid text replaced"  # by U+FFFD; the only reason under which the value is loaded
TOO_DEEP = f"nested deeper than {MAX_NESTING} levels"


@dataclass(frozen=True)
class Parsing:
    """The account's zone, in which days begin, and the columns that unknown fields have."""

    zone: tzinfo = UTC
    columns: ExtraColumns = field(default_factory=ExtraColumns)


class Rejected(NamedTuple):
    """A value of a row that was kept, by the row's place among those of all pages."""

    row: int
    field: str
    text: str
    reason: str


class Dropped(NamedTuple):
    """A row that was left out, by its page; `digest` tells it from others."""

    page: int
    digest: str
    text: str
    reason: str


@dataclass(frozen=True)
class PlainRows:
    """Columns of records, columns of their lines (with `_parent`, the record's place), records of each page."""

    columns: Columns
    lines: Columns | None
    counts: list[int]
    rejected: list[Rejected]
    dropped: list[Dropped]


def read_plainly(
    resource: Resource, pages: Sequence[bytes], pseudonyms: Pseudonyms, where: str, parsing: Parsing
) -> PlainRows:
    return _Reading(resource, pseudonyms, parsing).read([(page, _rows_of(page, where)) for page in pages])


def _rows_of(page: bytes, where: str) -> list[Any]:
    try:
        rows = as_list(loads(page)["data"])
    except (ValueError, KeyError, TypeError):
        rows = None
    if rows is None:
        raise BadAnswer(f"{where}: the rows are not JSON", "Run again; if it stays, report it to Logentic.")
    return rows


class _Names(NamedTuple):
    """Of the unknown fields of one row: the column of each that may have one, and the key of each in `_more_fields`."""

    columns: dict[str, str]
    keys: dict[str, str]


class _Reading:
    """The rows of some pages of one resource."""

    def __init__(self, resource: Resource, pseudonyms: Pseudonyms, parsing: Parsing) -> None:
        self._resource, self._pseudonyms, self._parsing = resource, pseudonyms, parsing
        self._rejected: list[Rejected] = []
        self._nested = {name.partition("__")[0] for name in resource.columns if "__" in name}

    def read(self, pages: list[tuple[bytes, list[Any]]]) -> PlainRows:
        rows: list[Row] = []
        counts, dropped = [], []
        keys = {
            name: reader(self._resource.columns[name], self._parsing.zone) for name in self._resource.key
        }  # a text in a key column that is no key must not pass for one that is missing
        for number, (page, of_page) in enumerate(pages):
            before = len(rows)
            digests = _Digests(self._pseudonyms, page, len(of_page))
            for at, row in enumerate(of_page):
                try:
                    if not isinstance(row, dict):
                        raise Unreadable("the row is not an object")  # noqa: TRY301
                    for name, read in keys.items():
                        if read(row.get(name)) is None and name != "warehouse_id":
                            raise Unreadable(f"the row has no {name}")  # noqa: TRY301
                except Unreadable as reason:
                    text = self._pseudonyms.row_excerpt(row if is_too_deep(row) else repaired(row))
                    dropped.append(Dropped(number, digests.of(at, row), text, str(reason)))
                else:
                    rows.append(row)
            counts.append(len(rows) - before)
        records = [self._flatten(place, row) for place, row in enumerate(rows)]
        places = [(place, "") for place in range(len(rows))]
        reserved = {*self._resource.columns, SEEN_AT.name, IS_REMOVED.name}
        columns = self._columns(self._resource.name, records, places, self._resource.columns, reserved)
        lines = self._lines(rows, columns["id"]) if self._resource.lines else None
        return PlainRows(columns, lines, counts, self._rejected, dropped)

    def _lines(self, rows: list[Row], ids: pa.Array) -> Columns:
        lines = self._resource.lines
        assert lines  # noqa: S101 - asked for resources that have some
        found: list[Row] = []
        places: list[tuple[int, str]] = []
        numbers = []
        for parent, row in enumerate(rows):
            value = row.get(lines.field)
            own = [] if value is None or value == "" else as_list(value)
            if own is None:
                self._reject(parent, lines.field, value, "not a list")
            for number, line in enumerate(own or [], 1):
                if line == []:  # PHP writes an empty map as an empty array
                    line = {}  # noqa: PLW2901
                if not isinstance(line, dict):
                    self._reject(parent, f"{lines.field}.{number}", line, "the line is not an object")
                    continue
                found.append({repaired(name): part for name, part in line.items()})
                places.append((parent, f"{lines.field}.{number}."))
                numbers.append(number)
        parents = pa.array([parent for parent, _ in places], INTEGER)
        reserved = {lines.parent, "line_number", *lines.columns, SEEN_AT.name}
        return {
            lines.parent: ids.take(parents),
            "line_number": pa.array(numbers, INTEGER),
            **self._columns(lines.table, found, places, lines.columns, reserved),
            "_parent": parents,
        }

    def _flatten(self, place: int, row: Row) -> Row:
        """Nested records as columns are named, without the lines."""
        flat: Row = {}
        own_list = self._resource.lines.field if self._resource.lines else None
        for raw_name, value in row.items():
            name = repaired(raw_name)
            if name == own_list:
                continue
            if name not in self._nested:
                flat[name] = value
            elif isinstance(value, dict):
                flat |= {f"{name}__{repaired(inner)}": part for inner, part in value.items()}
            elif value not in (None, "", []):  # PHP writes an empty map as an empty array
                self._reject(place, name, value, "not an object")
        return flat

    def _columns(
        self,
        table: str,
        records: list[Row],
        places: list[tuple[int, str]],
        known: dict[str, pa.DataType],
        reserved: set[str],
    ) -> Columns:
        """A column for each known field, and for the others as far as the table has columns for them."""
        columns = {}
        for name, kind in known.items():
            values = self._known(name, kind, records, places)
            columns[name] = pa.array(values, kind)
        return columns | self._unknown(table, records, places, known, reserved)

    def _known(self, name: str, kind: pa.DataType, records: list[Row], places: list[tuple[int, str]]) -> Iterator[Any]:
        read = reader(kind, self._parsing.zone)
        for record, place in zip(records, places, strict=True):
            value = record.get(name)
            try:
                found = read(value)
            except Unreadable as reason:
                self._reject(place[0], place[1] + name, value, str(reason))
                yield None
                continue
            if isinstance(found, str) and not found.isascii() and is_damaged(found):
                found = repaired(found)
                self._reject(place[0], place[1] + name, found, REPLACED)
            yield found

    def _unknown(
        self,
        table: str,
        records: list[Row],
        places: list[tuple[int, str]],
        known: dict[str, pa.DataType],
        reserved: set[str],
    ) -> Columns:
        names: dict[tuple[str, ...], _Names] = {}  # of the fields of a row: most rows have the same
        of_rows = []
        for record in records:
            fields = tuple(sorted(name for name in record if name not in known))
            if fields not in names:
                names[fields] = self._names(fields, reserved)
            of_rows.append((fields, names[fields]))
        if not any(names):
            return {}
        wanted = {column for of_row in names.values() for column in of_row.columns.values()}
        admitted = self._parsing.columns.admit(table, wanted)
        texts: dict[str, list[str | None]] = {name: [None] * len(records) for name in sorted(admitted)}
        more: list[str | None] = [None] * len(records)
        for n, (record, place, (fields, of_row)) in enumerate(zip(records, places, of_rows, strict=True)):
            rest: Row = {}
            for name in fields:
                column = of_row.columns.get(name)
                value = self._sound(place, column or f"{MORE_FIELDS}.{of_row.keys[name]}", record[name])
                if column in admitted:
                    texts[column][n] = self._text(name, value)
                elif value is not None:
                    rest[of_row.keys[name]] = self._more(name, value, is_hidden=column is None)
            if rest:
                more[n] = compact(rest, sort_keys=True)
        arrays = {name: pa.array(values, TEXT) for name, values in texts.items()}
        return arrays | ({MORE_FIELDS: pa.array(more, TEXT)} if any(more) else {})

    def _sound(self, place: tuple[int, str], column: str, value: Any) -> Any:
        """An unknown value without invalid text; null where it is nested too deeply."""
        if isinstance(value, dict | list) and is_too_deep(value):
            self._reject(place[0], place[1] + column, value, TOO_DEEP)
            return None
        if is_damaged(value):
            value = repaired(value)
            self._reject(place[0], place[1] + column, value, REPLACED)
        return value

    def _text(self, name: str, value: Any) -> str | None:
        """The JSON text of a value, pseudonymized; a string stands without its quotes."""
        if self._resource.is_about_people:
            return self._pseudonyms.unlisted_text(name, value)
        value = self._pseudonyms.unknown(name, value)
        return value if value is None or isinstance(value, str) else compact(value)

    def _names(self, fields: tuple[str, ...], reserved: set[str]) -> "_Names":
        """The columns of the fields of a row, and their keys in `_more_fields`. A name that may be personal has no
        column, and its key is hashed.
        """
        if not self._resource.is_about_people:
            return _Names(column_names(fields, reserved), {name: name for name in fields})
        columns = column_names(filter(is_identifier, fields), reserved)
        kept = {name: column for name, column in columns.items() if self._pseudonyms.keeps_name(name)}
        keys = {
            name: name if name in kept else self._pseudonyms.more_key(name, columns.get(name, "")) for name in fields
        }
        return _Names(kept, keys)

    def _more(self, name: str, value: Any, *, is_hidden: bool) -> Any:
        """A field that has no column."""
        if not self._resource.is_about_people:
            return self._pseudonyms.unknown(name, value)
        # A field whose name is hidden is written as `privacy --rewrite` writes one that had a column: as text.
        is_inner = is_hidden and is_identifier(name)
        return self._text(name, value) if is_inner else self._pseudonyms.unlisted(name, value)

    def _reject(self, row: int, name: str, value: Any, reason: str) -> None:
        personal = self._resource.personal if self._resource.is_about_people else None
        shown = repaired(value) if not is_too_deep(value) else value
        self._rejected.append(Rejected(row, name, self._pseudonyms.excerpt(name, shown, personal), reason))


class _Digests:
    """The digests by which dropped rows of one page are told apart.

    A row that was cut or repaired when it was parsed would equal others: the digest is of its text on the page.
    """

    def __init__(self, pseudonyms: Pseudonyms, page: bytes, count: int) -> None:
        self._pseudonyms, self._page, self._count = pseudonyms, page, count

    def of(self, at: int, row: Any) -> str:
        is_as_parsed = not is_too_deep(row) and not is_damaged(row)
        return self._pseudonyms.digest(dumps(row) if is_as_parsed else self._texts[at])

    @cached_property
    def _texts(self) -> list[bytes]:
        texts = row_texts(self._page)
        if len(texts) == self._count:
            return texts
        return [b"%d %b" % (at, self._page) for at in range(self._count)]  # an object in which a name is repeated
