"""Pages of JSON become Arrow tables: exact decimals, UTC times, days, personal data hashed."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import accumulate, groupby

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from logentic.api.pagination import Page
from logentic.extract.fallback_parsing import Dropped, Parsing, Rejected, read_plainly
from logentic.privacy.pseudonyms import Pseudonyms
from logentic.resources import DAY, IS_REMOVED, MOMENT, REJECTED_VALUES, RESOURCES, SEEN_AT, TEXT, Lines, Resource

COUNTED_AT_ONCE = 50_000
# Begins the key of a rejected row whose own key cannot be read; a keyed digest of the row follows.
NO_KEY = "unreadable:"
# Numbers for which Arrow 26 reads beyond its tables of powers of ten: exponents of two digits, or 40 digits in a row.
# Text is folded before it is searched, at a tenth of the cost: digits, points and plus signs to 0, others to blanks.
FOLDED = bytes.maketrans(
    bytes(range(256)),
    bytes(
        48 if chr(n) in "0123456789.+" else 101 if chr(n) in "eE" else n if chr(n) in "-u\\" else 32 for n in range(256)
    ),
)
FOLDED_PERILS = (b"0e00", b"0e-00", b"0" * 40, b"\\u000")  # the last: an escape may write a digit
FIRST_MOMENT, LAST_MOMENT = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@dataclass(frozen=True)
class Rows:
    """Each key once, as it was read last; `read` counts what the pages held.

    `rejected` holds the values that could not be read (`REJECTED_VALUES`); None where every value could. Its `key` is
    the row's, as `row_keys` writes it, or `unreadable:` and a digest where the row was dropped for lack of a key. Its
    `field` is the raw column, empty for a whole row; a value of the second line is stored_items.2.quantity.
    """

    records: pa.Table
    lines: pa.Table | None
    read: int = 0
    rejected: pa.Table | None = None

    def keep(self, mask: pa.Array | pa.ChunkedArray) -> "Rows":
        """The records that a mask selects, and their lines."""
        if pc.all(mask).as_py():
            return self
        records, lines = self.records.filter(mask), self.lines
        if lines is not None:
            lines = lines.filter(pc.is_in(lines[lines.column_names[0]], records["id"].combine_chunks()))
        return Rows(records, lines, self.read, self._rejected_of(records))

    def _rejected_of(self, records: pa.Table) -> pa.Table | None:
        """The rejected values of these records, and of rows without a readable key."""
        if self.rejected is None:
            return None
        resource = RESOURCES[self.rejected["resource"][0].as_py()]
        of_records = pc.is_in(self.rejected["key"], row_keys(resource, records))
        kept = self.rejected.filter(pc.or_(of_records, pc.starts_with(self.rejected["key"], NO_KEY)))
        return kept if len(kept) else None

    def owned(self, column: str, start: datetime | None, end: datetime | None) -> "Rows":
        """Without the rows that lie outside [start, end); a row that has no such time stays."""
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
    """The key of each record as one text, as `REJECTED_VALUES.key` holds it.

    The parts are joined by `|` in the order of `Resource.key`: 19015, 17|2026-03-04|1, 7|2026-03-04 05:00:00.000000Z.
    A part that is null is empty: 17|2026-03-04|.
    """
    kinds = (resource.columns[name] for name in resource.key)
    parts = [records[name].cast(kind).cast(TEXT) for name, kind in zip(resource.key, kinds, strict=True)]
    joined = pc.binary_join_element_wise(*(pc.fill_null(part, "") for part in parts), "|")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def distinct(records: pa.Table, key: Sequence[str]) -> pa.Array:
    """The places of the last row of each key, in order."""
    numbered = records.select(list(key)).append_column("_place", pa.arange(0, len(records)))
    last = numbered.group_by(list(key), use_threads=False).aggregate([("_place", "max")])["_place_max"]
    return last.combine_chunks().sort()


def count_distinct(records: pa.Table, key: Sequence[str]) -> int:
    """How many keys there are; of many, some at a time: all at once take several times the memory of the keys."""
    keys = records.select(list(key))
    shares = 1 << (len(keys) // COUNTED_AT_ONCE).bit_length()
    share = pc.bit_wise_and(keys["id"], shares - 1)
    some = (keys.filter(pc.equal(share, n)) if shares > 1 else keys for n in range(shares))
    return sum(len(each.group_by(list(key), use_threads=False).aggregate([])) for each in some)


def read_rows(
    resource: Resource, pages: Sequence[Page], pseudonyms: Pseudonyms, where: str, parsing: Parsing | None = None
) -> Rows:
    """Every row of the pages, in their order. `BadAnswer` where a page is not JSON."""
    with suppress(pa.ArrowInvalid):
        return _quickly(resource, pages, pseudonyms)
    return read_carefully(resource, pages, pseudonyms, where, parsing)


def together(resource: Resource, batches: Sequence[Rows]) -> Rows:
    """Batches of one window as one; what stands in several is taken from the last."""
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
    """One after another; a column that some of them lack is null there."""
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


def read_carefully(
    resource: Resource, pages: Sequence[Page], pseudonyms: Pseudonyms, where: str, parsing: Parsing | None = None
) -> Rows:
    found = read_plainly(resource, [page.rows for page in pages], pseudonyms, where, parsing or Parsing())
    records = pa.table({**found.columns, "_seen_at": _seen(pages, found.counts)})
    rows = _rows(resource, records, found.lines and pa.table(found.lines), pseudonyms, found.rejected)
    rejected = [*([rows.rejected] if rows.rejected else []), *_dropped(resource, pages, found.dropped)]
    read = rows.read + len(found.dropped)
    return Rows(rows.records, rows.lines, read, pa.concat_tables(rejected) if rejected else None)


def empty_rows(resource: Resource) -> Rows:
    lines = resource.lines.schema().empty_table() if resource.lines else None
    return Rows(resource.schema().empty_table(), lines)


def _quickly(resource: Resource, pages: Sequence[Page], pseudonyms: Pseudonyms) -> Rows:
    document = b"\n".join(page.rows for page in pages)
    if _is_perilous(resource, document):
        raise pa.ArrowInvalid("a number that Arrow does not read safely")
    try:
        document.decode()
    except UnicodeDecodeError:
        raise pa.ArrowInvalid("text that is not UTF-8") from None
    parsed = arrow_json.read_json(
        pa.BufferReader(document),
        read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(document) + 1),
        parse_options=arrow_json.ParseOptions(explicit_schema=_wire(resource), unexpected_field_behavior="error"),
    )
    lists = parsed["data"].combine_chunks()
    if lists.null_count or len(lists) != len(pages):
        raise pa.ArrowInvalid("a page without rows")
    counts = pc.list_value_length(lists).to_pylist()
    structs = lists.flatten()
    if structs.null_count:
        raise pa.ArrowInvalid("a row that is null")
    leaves = [(name, array) for name, array in _flat(structs) if name in resource.columns]
    columns = {name: _convert(array, resource.columns[name]) for name, array in leaves}
    if any(columns[name].null_count for name in resource.key if name != "warehouse_id"):
        raise pa.ArrowInvalid("a row without its key")
    lines = _lines(resource.lines, structs.field(resource.lines.field), columns["id"]) if resource.lines else None
    return _rows(resource, pa.table({**columns, "_seen_at": _seen(pages, counts)}), lines, pseudonyms)


def _is_perilous(resource: Resource, document: bytes) -> bool:
    folded = document.translate(FOLDED)
    return any(peril in folded for peril in FOLDED_PERILS) and bool(_perils(resource).search(document))


@cache
def _perils(resource: Resource) -> re.Pattern[bytes]:
    columns = resource.columns | (resource.lines.columns if resource.lines else {})
    names = "|".join(name.rpartition("__")[2] for name, kind in columns.items() if pa.types.is_decimal(kind))
    number = r"[-+]?([0-9.]*[eE][-+]?[0-9]{2}|[0-9.]{40})"
    return re.compile(rf'"({names or "-"})"\s*:\s*"?{number}|\\u00[2-7]'.encode())


def _rejected(resource: Resource, records: pa.Table, last: pa.Array, rejected: Sequence[Rejected]) -> pa.Table | None:
    """The values that could not be read, of the rows that count: each key's last."""
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
    """The rows without a readable key, each once."""
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


def _rows(
    resource: Resource,
    records: pa.Table,
    lines: pa.Table | None,
    pseudonyms: Pseudonyms,
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
        if kind == TEXT and pseudonyms.covers(name, resource.personal):
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
    """When each row was read: the service's time of its page."""
    of_second = groupby(zip(pages, counts, strict=True), key=lambda page_and_count: page_and_count[0].at)
    return pa.concat_arrays([pa.repeat(pa.scalar(at, MOMENT), sum(n for _, n in some)) for at, some in of_second])


def _lines(lines: Lines, lists: pa.ListArray, parents: pa.Array) -> pa.Table:
    indices = pc.list_parent_indices(lists)
    starts = pc.subtract(lists.offsets, lists.offsets[0]).slice(0, len(lists))
    structs = lists.flatten()
    if structs.null_count:
        raise pa.ArrowInvalid("a line that is null")
    numbers = pc.add(pc.subtract(pa.arange(0, len(structs)), starts.take(indices).cast(pa.int64())), 1)
    columns = {name: _convert(array, lines.columns[name]) for name, array in _flat(structs)}
    return pa.table({lines.parent: parents.take(indices), "line_number": numbers, **columns, "_parent": indices})


def _flat(structs: pa.StructArray, prefix: str = "") -> list[tuple[str, pa.Array]]:
    """The leaves of nested records, named as dlt names them: place.city is place__city."""
    leaves: list[tuple[str, pa.Array]] = []
    for kind, array in zip(structs.type, structs.flatten(), strict=True):
        if pa.types.is_struct(kind.type):
            leaves += _flat(array, f"{prefix}{kind.name}__")
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
    """ISO 8601 with or without a zone, `T` or a space, fractions or none; without a zone it is UTC."""
    with suppress(pa.ArrowInvalid):  # all of them have one
        return _within_years(texts.cast(MOMENT))
    zoned = pc.match_substring_regex(texts, r"(Z|[+-]\d\d(:?\d\d)?)$")
    utc = pc.if_else(zoned, texts, pc.binary_join_element_wise(texts, "Z", ""))
    return _within_years(utc.cast(MOMENT))


def _within_years(times: pa.Array) -> pa.Array:
    """Python has the years 1 to 9999; Arrow reads 0 and beyond as well."""
    first, last = (
        pa.scalar(FIRST_MOMENT, MOMENT).cast(times.type),
        pa.scalar(LAST_MOMENT, MOMENT).cast(times.type, safe=False),
    )
    if pc.any(pc.or_(pc.less(times, first), pc.greater(times, last))).as_py():
        raise pa.ArrowInvalid("a year that no date has")
    return times


@cache
def _wire(resource: Resource) -> pa.Schema:
    """The resource's schema as it travels: records nested, times and days still text."""
    tree: dict[str, pa.DataType | dict[str, pa.DataType]] = {}
    for name, kind in resource.columns.items():
        outer, _, inner = name.partition("__")
        if inner:
            branch = tree.setdefault(outer, {})
            branch[inner] = _on_the_wire(kind)
        else:
            tree[name] = _on_the_wire(kind)
    fields = [
        pa.field(name, pa.struct(list(kind.items())) if isinstance(kind, dict) else kind) for name, kind in tree.items()
    ]
    if resource.lines:
        line = pa.struct([(name, _on_the_wire(kind)) for name, kind in resource.lines.columns.items()])
        fields.append(pa.field(resource.lines.field, pa.list_(line)))
    return pa.schema([("data", pa.list_(pa.struct(fields)))])


def _on_the_wire(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind):  # of 128 bits Arrow's JSON reader overflows without a word
        return pa.decimal256(76, kind.scale)
    return pa.string() if kind in (MOMENT, DAY) else kind
