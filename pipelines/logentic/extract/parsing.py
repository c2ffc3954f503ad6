"""Parse pages of JSON into Arrow tables: exact decimals, UTC times, days, personal data pseudonymized.

The fast path is Arrow's JSON reader with an explicit schema. The fallback parses row by row and loses nothing: it takes
unknown fields, and records values that cannot be read.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cache, cached_property
from itertools import accumulate, groupby
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from logentic.api.pagination import Page
from logentic.api.values import Unreadable, reader
from logentic.errors import InvalidResponse
from logentic.extra_columns import MORE_FIELDS, ExtraColumns, column_names
from logentic.json_text import (
    MAX_NESTING,
    SURROGATE,
    SURROGATE_OR_NUL,
    as_list,
    compact,
    dumps,
    is_damaged,
    is_too_deep,
    loads,
    repaired,
    row_texts,
)
from logentic.privacy.measures import is_identifier
from logentic.privacy.pseudonyms import Pseudonymizer
from logentic.resources import (
    DAY,
    INTEGER,
    IS_REMOVED,
    MOMENT,
    REJECTED_VALUES,
    RESOURCES,
    SEEN_AT,
    TEXT,
    Lines,
    Resource,
)

Columns = dict[str, pa.Array]
Row = dict[str, Any]
REPLACED = "invalid text replaced"  # by U+FFFD; the only reason for which the value is still loaded
TOO_DEEP = f"nested deeper than {MAX_NESTING} levels"
COUNTED_AT_ONCE = 50_000
# Prefix of the key of a rejected row without a readable key; a keyed digest of the row follows.
NO_KEY = "unreadable:"
# Numbers for which Arrow 26 reads beyond its tables of powers of ten: exponents of two digits, or 40 digits in a row.
# Before the search, text is folded, which is ten times as fast: digits, points and plus signs to 0, others to blanks.
FOLDED = bytes.maketrans(
    bytes(range(256)),
    bytes(
        48 if chr(n) in "0123456789.+" else 101 if chr(n) in "eE" else n if chr(n) in "-u\\" else 32 for n in range(256)
    ),
)
UNSAFE_FOLDED = (b"0e00", b"0e-00", b"0" * 40, b"\\u000")  # the last one: an escape may encode a digit
FIRST_MOMENT, LAST_MOMENT = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@dataclass(frozen=True)
class ParseRules:
    """The account's time zone, which defines days, and the columns of unknown fields.

    `holds_nul`: whether the destination can store U+0000; if not, it is replaced like invalid text.
    """

    zone: tzinfo = UTC
    columns: ExtraColumns = field(default_factory=ExtraColumns)
    holds_nul: bool = True

    @property
    def invalid(self) -> re.Pattern[str]:
        return SURROGATE if self.holds_nul else SURROGATE_OR_NUL


class Rejected(NamedTuple):
    """An unreadable value of a row that was kept; `row` is its index among the rows of all pages."""

    row: int
    field: str
    text: str
    reason: str


class Dropped(NamedTuple):
    """A row that was left out, with its page; `digest` identifies it."""

    page: int
    digest: str
    text: str
    reason: str


@dataclass(frozen=True)
class _FallbackColumns:
    """Columns of records, columns of their lines (with `_parent`, the record's index), records per page."""

    columns: Columns
    lines: Columns | None
    counts: list[int]
    rejected: list[Rejected]
    dropped: list[Dropped]


@dataclass(frozen=True)
class Rows:
    """Rows of some pages, once per key as last read; `read` counts the rows of the pages.

    `rejected` holds the values that could not be read (`REJECTED_VALUES`), or None if there are none. Its `key` is the
    row's, as returned by `row_keys`, or `unreadable:` and a digest if the row was dropped for lack of a key. Its
    `field` is the raw column, empty for a whole row; a value of the second line is stored_items.2.quantity.
    """

    records: pa.Table
    lines: pa.Table | None
    read: int = 0
    rejected: pa.Table | None = None

    def keep(self, mask: pa.Array | pa.ChunkedArray) -> "Rows":
        """Return the records that a mask selects, and their lines."""
        if pc.all(mask).as_py():
            return self
        records, lines = self.records.filter(mask), self.lines
        if lines is not None:
            lines = lines.filter(pc.is_in(lines[lines.column_names[0]], records["id"].combine_chunks()))
        return Rows(records, lines, self.read, self._rejected_of(records))

    def _rejected_of(self, records: pa.Table) -> pa.Table | None:
        """Return the rejected values of these records, and of rows without a readable key."""
        if self.rejected is None:
            return None
        resource = RESOURCES[self.rejected["resource"][0].as_py()]
        of_records = pc.is_in(self.rejected["key"], row_keys(resource, records))
        kept = self.rejected.filter(pc.or_(of_records, pc.starts_with(self.rejected["key"], NO_KEY)))
        return kept if len(kept) else None

    def owned(self, column: str, start: datetime | None, end: datetime | None) -> "Rows":
        """Return the rows within [start, end), and those without a time."""
        if start is None and end is None:
            return self
        values = self.records[column].cast(MOMENT)
        inside = pa.repeat(pa.scalar(True), len(values))
        if start is not None:
            inside = pc.and_(inside, pc.greater_equal(values, pa.scalar(start, MOMENT)))
        if end is not None:
            inside = pc.and_(inside, pc.less(values, pa.scalar(end, MOMENT)))
        return self.keep(pc.fill_null(inside, True))


def row_keys(resource: Resource, records: pa.Table) -> pa.Array:
    """Return the key of each record as one text, in the form of `REJECTED_VALUES.key`.

    The parts are joined by `|` in the order of `Resource.key`: 19015, 17|2026-03-04|1, 7|2026-03-04 05:00:00.000000Z.
    A part that is null is empty: 17|2026-03-04|.
    """
    kinds = (resource.columns[name] for name in resource.key)
    parts = [records[name].cast(kind).cast(TEXT) for name, kind in zip(resource.key, kinds, strict=True)]
    joined = pc.binary_join_element_wise(*(pc.fill_null(part, "") for part in parts), "|")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def distinct(records: pa.Table, key: Sequence[str]) -> pa.Array:
    """Return the indices of the last row of each key, in order."""
    numbered = records.select(list(key)).append_column("_place", pa.arange(0, len(records)))
    last = numbered.group_by(list(key), use_threads=False).aggregate([("_place", "max")])["_place_max"]
    return last.combine_chunks().sort()


def count_distinct(records: pa.Table, key: Sequence[str]) -> int:
    """Count the keys; many keys in parts, because counting all at once takes several times their memory."""
    keys = records.select(list(key))
    shares = 1 << (len(keys) // COUNTED_AT_ONCE).bit_length()
    share = pc.bit_wise_and(keys["id"], shares - 1)
    some = (keys.filter(pc.equal(share, n)) if shares > 1 else keys for n in range(shares))
    return sum(len(each.group_by(list(key), use_threads=False).aggregate([])) for each in some)


def read_rows(
    resource: Resource, pages: Sequence[Page], pseudonyms: Pseudonymizer, where: str, parsing: ParseRules | None = None
) -> Rows:
    """Return every row of the pages, in their order. Raises `InvalidResponse` if a page is not JSON."""
    holds_nul = parsing is None or parsing.holds_nul
    if holds_nul or not any(b"\0" in page.rows or b"\\u0000" in page.rows for page in pages):
        with suppress(pa.ArrowInvalid):
            return _read_fast(resource, pages, pseudonyms)
    return read_fallback(resource, pages, pseudonyms, where, parsing)


def merge_batches(resource: Resource, batches: Sequence[Rows]) -> Rows:
    """Merge the batches of one window; the last row of a key wins."""
    if len(batches) == 1:
        return batches[0]
    keys = pa.concat_tables([batch.records.select(list(resource.key)) for batch in batches])
    last = distinct(keys, resource.key)
    if len(last) < len(keys):
        wanted = pc.is_in(pa.arange(0, len(keys)), last)
        starts = accumulate((len(batch.records) for batch in batches), initial=0)
        batches = [
            batch.keep(wanted.slice(start, len(batch.records))) for batch, start in zip(batches, starts, strict=False)
        ]
    return concatenated(batches)


def concatenated(batches: Sequence[Rows]) -> Rows:
    """Concatenate batches; fill columns that some of them lack with null."""
    if len(batches) == 1:
        return batches[0]
    lines = [batch.lines for batch in batches if batch.lines is not None]
    rejected = [batch.rejected for batch in batches if batch.rejected is not None]
    return Rows(
        pa.concat_tables([batch.records for batch in batches], promote_options="default"),
        pa.concat_tables(lines, promote_options="default") if lines else None,
        sum(batch.read for batch in batches),
        pa.concat_tables(rejected) if rejected else None,
    )


def read_fallback(
    resource: Resource, pages: Sequence[Page], pseudonyms: Pseudonymizer, where: str, parsing: ParseRules | None = None
) -> Rows:
    parser = _FallbackParser(resource, pseudonyms, parsing or ParseRules())
    found = parser.read([(page.rows, _load_rows(page.rows, where)) for page in pages])
    records = pa.table({**found.columns, "_seen_at": _seen(pages, found.counts)})
    rows = _finish_rows(resource, records, found.lines and pa.table(found.lines), pseudonyms, found.rejected)
    rejected = [*([rows.rejected] if rows.rejected else []), *_dropped(resource, pages, found.dropped)]
    read = rows.read + len(found.dropped)
    return Rows(rows.records, rows.lines, read, pa.concat_tables(rejected) if rejected else None)


def empty_rows(resource: Resource) -> Rows:
    lines = resource.lines.schema().empty_table() if resource.lines else None
    return Rows(resource.schema().empty_table(), lines)


def _read_fast(resource: Resource, pages: Sequence[Page], pseudonyms: Pseudonymizer) -> Rows:
    document = b"\n".join(page.rows for page in pages)
    if _is_unsafe(resource, document):
        raise pa.ArrowInvalid("a number that Arrow does not read safely")
    try:
        document.decode()
    except UnicodeDecodeError:
        raise pa.ArrowInvalid("text that is not UTF-8") from None
    parsed = arrow_json.read_json(
        pa.BufferReader(document),
        read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(document) + 1),
        parse_options=arrow_json.ParseOptions(
            explicit_schema=_json_schema(resource), unexpected_field_behavior="error"
        ),
    )
    lists = parsed["data"].combine_chunks()
    if lists.null_count or len(lists) != len(pages):
        raise pa.ArrowInvalid("a page without rows")
    counts = pc.list_value_length(lists).to_pylist()
    structs = lists.flatten()
    if structs.null_count:
        raise pa.ArrowInvalid("a row that is null")
    leaves = [(name, array) for name, array in _flatten_structs(structs) if name in resource.columns]
    columns = {name: _convert(array, resource.columns[name]) for name, array in leaves}
    if any(columns[name].null_count for name in resource.key if name != "warehouse_id"):
        raise pa.ArrowInvalid("a row without its key")
    lines = _lines(resource.lines, structs.field(resource.lines.field), columns["id"]) if resource.lines else None
    return _finish_rows(resource, pa.table({**columns, "_seen_at": _seen(pages, counts)}), lines, pseudonyms)


def _is_unsafe(resource: Resource, document: bytes) -> bool:
    folded = document.translate(FOLDED)
    return any(peril in folded for peril in UNSAFE_FOLDED) and bool(_unsafe_numbers(resource).search(document))


@cache
def _unsafe_numbers(resource: Resource) -> re.Pattern[bytes]:
    columns = resource.columns | (resource.lines.columns if resource.lines else {})
    names = "|".join(name.rpartition("__")[2] for name, kind in columns.items() if pa.types.is_decimal(kind))
    number = r"[-+]?([0-9.]*[eE][-+]?[0-9]{2}|[0-9.]{40})"
    return re.compile(rf'"({names or "-"})"\s*:\s*"?{number}|\\u00[2-7]'.encode())


def _rejected(resource: Resource, records: pa.Table, last: pa.Array, rejected: Sequence[Rejected]) -> pa.Table | None:
    """Return the values that could not be read, of the last row of each key."""
    counted = set(last.to_pylist())
    rejected = [value for value in rejected if value.row in counted]
    if not rejected:
        return None
    at = pa.array([value.row for value in rejected], pa.int64())
    return _rejected_values(
        resource,
        row_keys(resource, records.select(list(resource.key)).take(at)),
        [value.field for value in rejected],
        [value.text for value in rejected],
        [value.reason for value in rejected],
        records["_seen_at"].take(at),
    )


def _dropped(resource: Resource, pages: Sequence[Page], dropped: Sequence[Dropped]) -> list[pa.Table]:
    """Return the rows without a readable key, each once."""
    last = list({row.digest: row for row in dropped}.values())
    if not last:
        return []
    table = _rejected_values(
        resource,
        pa.array([NO_KEY + row.digest for row in last], TEXT),
        [""] * len(last),
        [row.text for row in last],
        [row.reason for row in last],
        pa.array([pages[row.page].at for row in last], MOMENT),
    )
    return [table]


def _rejected_values(
    resource: Resource, keys: pa.Array, fields: list[str], texts: list[str], reasons: list[str], seen: pa.Array
) -> pa.Table:
    names = pa.repeat(pa.scalar(resource.name), len(keys))
    removed = pa.repeat(pa.scalar(False), len(keys))
    return pa.table([names, keys, fields, texts, reasons, seen, removed], schema=REJECTED_VALUES)


def _finish_rows(
    resource: Resource,
    records: pa.Table,
    lines: pa.Table | None,
    pseudonyms: Pseudonymizer,
    rejected: Sequence[Rejected] = (),
) -> Rows:
    read = len(records)
    last = distinct(records, resource.key)
    not_read = _rejected(resource, records, last, rejected) if rejected else None
    if len(last) < read:
        if lines is not None:
            lines = lines.filter(pc.is_in(lines["_parent"], last))
            lines = lines.set_column(
                lines.column_names.index("_parent"), "_parent", pc.index_in(lines["_parent"], last).cast(pa.int64())
            )
        records = records.take(last)
    for name, kind in resource.columns.items():
        if kind == TEXT and pseudonyms.is_personal(name, resource.personal):
            place = records.schema.get_field_index(name)
            records = records.set_column(place, name, pseudonyms.column(name, records[name]))
    records = records.append_column(IS_REMOVED, pa.repeat(pa.scalar(False), len(records)))
    known = [*resource.columns, SEEN_AT.name, IS_REMOVED.name]
    extra = sorted(set(records.column_names) - set(known))
    records = records.select([*known, *extra])
    if lines is not None and resource.lines:
        seen = records["_seen_at"].combine_chunks().take(lines["_parent"].combine_chunks())
        lines = lines.drop_columns(["_parent"]).append_column(SEEN_AT, seen)
        order = resource.lines.schema().names
        lines = lines.select([*order, *sorted(set(lines.column_names) - set(order))])
    return Rows(records, lines, read, not_read)


def _seen(pages: Sequence[Page], counts: Sequence[int]) -> pa.Array:
    """Return when each row was read: the service's time of its page."""
    of_second = groupby(zip(pages, counts, strict=True), key=lambda page_and_count: page_and_count[0].at)
    return pa.concat_arrays([pa.repeat(pa.scalar(at, MOMENT), sum(n for _, n in some)) for at, some in of_second])


def _lines(lines: Lines, lists: pa.ListArray, parents: pa.Array) -> pa.Table:
    indices = pc.list_parent_indices(lists)
    starts = pc.subtract(lists.offsets, lists.offsets[0]).slice(0, len(lists))
    structs = lists.flatten()
    if structs.null_count:
        raise pa.ArrowInvalid("a line that is null")
    numbers = pc.add(pc.subtract(pa.arange(0, len(structs)), starts.take(indices).cast(pa.int64())), 1)
    columns = {name: _convert(array, lines.columns[name]) for name, array in _flatten_structs(structs)}
    return pa.table({lines.parent: parents.take(indices), "line_number": numbers, **columns, "_parent": indices})


def _flatten_structs(structs: pa.StructArray, prefix: str = "") -> list[tuple[str, pa.Array]]:
    """Return the leaves of nested records, named as dlt names them: place.city is place__city."""
    leaves: list[tuple[str, pa.Array]] = []
    for kind, array in zip(structs.type, structs.flatten(), strict=True):
        if pa.types.is_struct(kind.type):
            leaves += _flatten_structs(array, f"{prefix}{kind.name}__")
        else:
            leaves.append((prefix + kind.name, array))
    return leaves


def _convert(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if kind == MOMENT:
        return _moments(array)
    if kind == DAY:
        return _within_years(array.cast(pa.date32()))
    return array.cast(kind) if pa.types.is_decimal(kind) else array


def _moments(texts: pa.StringArray) -> pa.TimestampArray:
    """Parse ISO 8601 with or without zone, `T` or a space, fractions or none; UTC without a zone."""
    with suppress(pa.ArrowInvalid):  # all texts have a zone
        return _within_years(texts.cast(MOMENT))
    zoned = pc.match_substring_regex(texts, r"(Z|[+-]\d\d(:?\d\d)?)$")
    utc = pc.if_else(zoned, texts, pc.binary_join_element_wise(texts, "Z", ""))
    return _within_years(utc.cast(MOMENT))


def _within_years(times: pa.Array) -> pa.Array:
    """Reject years that Python cannot represent: Arrow reads years beyond 1 to 9999."""
    first, last = (
        pa.scalar(FIRST_MOMENT, MOMENT).cast(times.type),
        pa.scalar(LAST_MOMENT, MOMENT).cast(times.type, safe=False),
    )
    if pc.any(pc.or_(pc.less(times, first), pc.greater(times, last))).as_py():
        raise pa.ArrowInvalid("a year that no date has")
    return times


@cache
def _json_schema(resource: Resource) -> pa.Schema:
    """Return the resource's schema in JSON: records nested, times and days as text."""
    tree: dict[str, pa.DataType | dict[str, pa.DataType]] = {}
    for name, kind in resource.columns.items():
        outer, _, inner = name.partition("__")
        if inner:
            branch = tree.setdefault(outer, {})
            branch[inner] = _json_type(kind)
        else:
            tree[name] = _json_type(kind)
    fields = [
        pa.field(name, pa.struct(list(kind.items())) if isinstance(kind, dict) else kind) for name, kind in tree.items()
    ]
    if resource.lines:
        line = pa.struct([(name, _json_type(kind)) for name, kind in resource.lines.columns.items()])
        fields.append(pa.field(resource.lines.field, pa.list_(line)))
    return pa.schema([("data", pa.list_(pa.struct(fields)))])


def _json_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind):  # with 128 bits, Arrow's JSON reader overflows silently
        return pa.decimal256(76, kind.scale)
    return pa.string() if kind in (MOMENT, DAY) else kind


def _load_rows(page: bytes, where: str) -> list[Any]:
    try:
        rows = as_list(loads(page)["data"])
    except (ValueError, KeyError, TypeError):
        rows = None
    if rows is None:
        raise InvalidResponse(
            f"{where}: the rows are not JSON", "Run again; if the error persists, report it to Logentic."
        )
    return rows


class _Names(NamedTuple):
    """The unknown fields of one row: the columns of those that may have one, and the keys of the others in
    `_more_fields`.
    """

    columns: dict[str, str]
    keys: dict[str, str]


class _FallbackParser:
    """Parse the rows of some pages of one resource, value by value."""

    def __init__(self, resource: Resource, pseudonyms: Pseudonymizer, parsing: ParseRules) -> None:
        self._resource, self._pseudonyms, self._parsing = resource, pseudonyms, parsing
        self._rejected = list[Rejected]()
        self._nested = {name.partition("__")[0] for name in resource.columns if "__" in name}

    def read(self, pages: list[tuple[bytes, list[Any]]]) -> _FallbackColumns:
        rows: list[Row] = []
        counts, dropped = [], []
        keys = {
            name: reader(self._resource.columns[name], self._parsing.zone) for name in self._resource.key
        }  # an invalid text in a key column must not count as a missing key
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
                    text = self._pseudonyms.row_excerpt(
                        row if is_too_deep(row) else repaired(row, self._parsing.invalid)
                    )
                    dropped.append(Dropped(number, digests.of(at, row), text, str(reason)))
                else:
                    rows.append(row)
            counts.append(len(rows) - before)
        records = [self._flatten(place, row) for place, row in enumerate(rows)]
        places = [(place, "") for place in range(len(rows))]
        reserved = {*self._resource.columns, SEEN_AT.name, IS_REMOVED.name}
        columns = self._columns(self._resource.name, records, places, self._resource.columns, reserved)
        lines = self._lines(rows, columns["id"]) if self._resource.lines else None
        return _FallbackColumns(columns, lines, counts, self._rejected, dropped)

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
                found.append({repaired(name, self._parsing.invalid): part for name, part in line.items()})
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
        """Flatten nested records into column names, without the lines."""
        flat: Row = {}
        own_list = self._resource.lines.field if self._resource.lines else None
        for raw_name, value in row.items():
            name = repaired(raw_name, self._parsing.invalid)
            if name == own_list:
                continue
            if name not in self._nested:
                flat[name] = value
            elif isinstance(value, dict):
                flat |= {f"{name}__{repaired(inner, self._parsing.invalid)}": part for inner, part in value.items()}
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
        """Return a column for each known field, and for unknown fields as far as the table has columns for them."""
        columns = {}
        for name, kind in known.items():
            values = self._known(name, kind, records, places)
            columns[name] = pa.array(values, kind)
        return columns | self._unknown(table, records, places, known, reserved)

    def _known(self, name: str, kind: pa.DataType, records: list[Row], places: list[tuple[int, str]]) -> Iterator[Any]:
        read, invalid = reader(kind, self._parsing.zone), self._parsing.invalid
        for record, place in zip(records, places, strict=True):
            value = record.get(name)
            try:
                found = read(value)
            except Unreadable as reason:
                self._reject(place[0], place[1] + name, value, str(reason))
                yield None
                continue
            if isinstance(found, str) and is_damaged(found, invalid):
                found = repaired(found, invalid)
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
        names: dict[tuple[str, ...], _Names] = {}  # by field names, because most rows have the same
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
        """Repair invalid text in an unknown value; return null if it is nested too deeply."""
        if isinstance(value, dict | list) and is_too_deep(value):
            self._reject(place[0], place[1] + column, value, TOO_DEEP)
            return None
        if is_damaged(value, self._parsing.invalid):
            value = repaired(value, self._parsing.invalid)
            self._reject(place[0], place[1] + column, value, REPLACED)
        return value

    def _text(self, name: str, value: Any) -> str | None:
        """Return the JSON text of a value, pseudonymized; a string without its quotes."""
        if self._resource.is_about_people:
            return self._pseudonyms.pseudonymize_text(name, value)
        value = self._pseudonyms.pseudonymize_unknown(name, value)
        return value if value is None or isinstance(value, str) else compact(value)

    def _names(self, fields: tuple[str, ...], reserved: set[str]) -> "_Names":
        """Return the columns of a row's fields, and their keys in `_more_fields`. A name that may be personal has no
        column, and its key is hashed.
        """
        if not self._resource.is_about_people:
            return _Names(column_names(fields, reserved), {name: name for name in fields})
        columns = column_names(filter(is_identifier, fields), reserved)
        kept = {name: column for name, column in columns.items() if self._pseudonyms.can_be_column(name)}
        keys = {
            name: name if name in kept else self._pseudonyms.more_key(name, columns.get(name, "")) for name in fields
        }
        return _Names(kept, keys)

    def _more(self, name: str, value: Any, *, is_hidden: bool) -> Any:
        """Return a field without a column."""
        if not self._resource.is_about_people:
            return self._pseudonyms.pseudonymize_unknown(name, value)
        # A field with a hidden name is written as text, as `privacy --rewrite` does.
        is_inner = is_hidden and is_identifier(name)
        return self._text(name, value) if is_inner else self._pseudonyms.pseudonymize_unlisted(name, value)

    def _reject(self, row: int, name: str, value: Any, reason: str) -> None:
        personal = self._resource.personal if self._resource.is_about_people else None
        shown = repaired(value, self._parsing.invalid) if not is_too_deep(value) else value
        self._rejected.append(Rejected(row, name, self._pseudonyms.excerpt(name, shown, personal), reason))


class _Digests:
    """Digests that distinguish the dropped rows of one page.

    Parsing may cut or repair rows, which would make them equal: the digest is of a row's text on the page.
    """

    def __init__(self, pseudonyms: Pseudonymizer, page: bytes, count: int) -> None:
        self._pseudonyms, self._page, self._count = pseudonyms, page, count

    def of(self, at: int, row: Any) -> str:
        is_as_parsed = not is_too_deep(row) and not is_damaged(row)
        return self._pseudonyms.digest(dumps(row) if is_as_parsed else self._texts[at])

    @cached_property
    def _texts(self) -> list[bytes]:
        texts = row_texts(self._page)
        if len(texts) == self._count:
            return texts
        return [b"%d %b" % (at, self._page) for at in range(self._count)]  # an object with a repeated name
