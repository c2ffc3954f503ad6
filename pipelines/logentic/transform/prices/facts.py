"""Read the facts of charges: the columns that the models supply, as integers.

Amounts and quantities are integers of ten-thousandths, dates are days since 1970-01-01, and rates are integers of
millionths, so that rate × quantity is exact in ten-billionths of a currency unit.

Some columns are derived from the lines of the order: `units(weight>20)` counts the units of items above 20 lb,
`lines(hazardous=yes)` the lines of hazardous items, `units(item=503|511)` the units of two items.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logentic.price_terms import CATEGORIES, CUBIC_INCHES
from logentic.transform.prices.thresholds import DEFAULT as LIMITS

QUANTITY_SCALE = 10_000  # amounts and quantities: integers of ten-thousandths
RATE_SCALE = 1_000_000  # rates: integers of millionths
UNTYPED = "unknown"
LARGEST = 10**11  # ten million units or currency units: treat anything larger as missing
MISSING = -(2**62)

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

DAYS = ("charge_date", "shipped_date", "ordered_date", "billed_date")
COUNTS = ("units", "lines", "cartons", "quantity")
MEASURES = ("weight", "volume")
SIZES = ("heaviest_item", "longest_side")
MONTH_VOLUMES = ("month_rank", "month_orders")
CHARGES_OF = "charges of "  # prefix of columns with the cost of an order's charges of a type; added as types are priced
DECIMALS = (*COUNTS, *MEASURES, *SIZES, *MONTH_VOLUMES, "value")

ITEM_MEASURES = ("weight", "volume", "longest_side")
ITEM_FLAGS = ("hazardous", "prepackaged")  # yes or no
OF_ITEMS = re.compile(r"(units|lines)\((\w+)([>=])(.+)\)")  # a column derived from the lines

SCHEMA = pa.schema(
    [
        # Null for a charge that is only expected: it is priced, but not learned from.
        pa.field("charge_id", pa.int64()),
        pa.field("charge_type", pa.string()),
        pa.field("description", pa.string()),
        pa.field("amount", pa.decimal128(38, 4)),
        pa.field("order_id", pa.int64()),
        # Why the charge is not learned from: duplicate, credited, cancelled order, ... Null if it is.
        pa.field("set_aside", pa.string()),
        *(pa.field(name, pa.date32()) for name in DAYS),
        *(pa.field(name, pa.decimal128(38, 4)) for name in DECIMALS),
        # `service` and `weekend` are derived here.
        *(pa.field(name, pa.string()) for name in CATEGORIES[:-2]),
    ]
)
"""One row a charge. Columns other than the first six may be left out, or be null where they are not known."""
LINES = pa.schema(
    [
        pa.field("order_id", pa.int64()),
        pa.field("item_id", pa.int64()),
        *(pa.field(name, pa.decimal128(38, 4)) for name in ("quantity", *ITEM_MEASURES)),
        *(pa.field(name, pa.string()) for name in ITEM_FLAGS),
    ]
)
"""One row a line of an order; what is not known of its item is null."""


@dataclass(frozen=True, order=True)
class Quantity:
    """A quantity that a price multiplies: a column, counted after the first `after`, rounded up to whole units if
    `started`.

    With a `divisor` the column is the dimensional weight: cubic inches ÷ divisor, but at least the actual weight.
    Volumes of items are rounded: `nudge` 1 or -1 takes the largest or smallest possible volume of the order. With
    `each` ("unit" or "line") the price of each unit or line is rounded, and the order costs their sum.
    """

    column: str
    after: int = 0
    started: bool = False
    divisor: int = 0
    nudge: int = 0
    each: str = ""

    def priced(self, rate: int, charges: "Charges") -> Integers:
        """Return rate × quantity in ten-billionths, a sum of rounded parts with `each`; `MISSING` if unknown."""
        if self.each:
            return charges.lines.sums(charges.lines.rounded(rate, self, charges.minor_unit))
        values = charges.quantity(self)
        return np.where((values == MISSING) | (values > -MISSING // 4 // max(abs(rate), 1)), MISSING, rate * values)

    def of(self, charges: "Charges") -> Integers:
        values = charges.column(self.column)
        if self.divisor:
            volumes = charges.column("volume")
            if self.nudge:  # half a ten-thousandth per unit
                volumes = np.where(volumes == MISSING, MISSING, volumes + self.nudge * charges.half_units)
            dimensional = -(-volumes * CUBIC_INCHES // self.divisor)
            values = np.where((values == MISSING) | (volumes == MISSING), MISSING, np.maximum(values, dimensional))
        if self.started:
            whole = -(-values // QUANTITY_SCALE) * QUANTITY_SCALE
            values = np.where(values == MISSING, MISSING, whole)
        if self.after:
            values = np.where(values == MISSING, MISSING, np.maximum(values - self.after, 0))
        return values

    def __str__(self) -> str:
        divisor, each = f"/{self.divisor}" * (self.divisor > 0), f" by {self.each}" * (self.each > "")
        return f"{'started_' * self.started}{self.column}{divisor}{each}"

    @classmethod
    def parse(cls, text: str, after: int = 0) -> "Quantity":
        """Return the quantity written as `started_weight/139` or `weight by line`."""
        if text.startswith(CHARGES_OF):
            return cls(text, after)
        text, _, each = text.partition(" by ")
        column, _, divisor = text.removeprefix("started_").partition("/")
        return cls(column, after, text.startswith("started_"), int(divisor or 0), each=each)

    @property
    def has_whole_steps(self) -> bool:
        return self.started or self.column in COUNTS or self.is_of_items

    @property
    def is_of_items(self) -> bool:
        return self.column.endswith(")") and OF_ITEMS.fullmatch(self.column) is not None


@dataclass
class OrderLines:
    """The lines of the orders that have charges, order by order: those of order n are from `starts[n]` on."""

    starts: Integers
    columns: dict[str, Integers]  # item_id, quantity, ITEM_MEASURES, and ITEM_FLAGS as 1 or 0

    def of(self, orders: Integers) -> "OrderLines":
        """Return the lines of these orders, repeated as often as the orders are."""
        starts, ends = self.starts[orders], self.starts[orders + 1]
        begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(ends - starts)])
        chosen = np.repeat(starts - begins[:-1], ends - starts) + np.arange(begins[-1])
        return OrderLines(begins, {name: column[chosen] for name, column in self.columns.items()})

    def sums(self, values: Integers) -> Integers:
        """Return the sum of each order's lines; `MISSING` without lines, or if one is unknown."""
        is_known, zero = values != MISSING, np.zeros(1, np.int64)
        totals = np.concatenate([zero, np.cumsum(np.where(is_known, values, 0))])[self.starts]
        known = np.concatenate([zero, np.cumsum(is_known)])[self.starts]
        lines = np.diff(self.starts)
        return np.where((lines > 0) & (np.diff(known) == lines), np.diff(totals), MISSING)

    def count(self, column: str) -> Integers:
        """Return what each line adds to a column such as `units(weight>20)`."""
        counted, name, sign, text = OF_ITEMS.fullmatch(column).groups()  # type: ignore[union-attr]
        values = self.columns[{"item": "item_id"}.get(name, name)]
        if sign == ">":
            is_counted = values > int(Decimal(text) * QUANTITY_SCALE)
        else:
            is_counted = np.isin(values, [int({"yes": "1", "no": "0"}.get(one, one)) for one in text.split("|")])
        units = self.columns["quantity"] if counted == "units" else np.full(len(values), QUANTITY_SCALE)
        return np.where((values == MISSING) | (units == MISSING), MISSING, is_counted * units)

    def rounded(self, rate: int, quantity: Quantity, minor_unit: int) -> Integers:
        """Return the price of each line, where each unit or line is rounded half up."""
        units, values = self.columns["quantity"], self.columns[quantity.column]
        is_known = (np.minimum(units, values) != MISSING) & (np.maximum(units, values) < 10**9)
        measure, times = np.where(is_known, values, 0), np.where(is_known, units, 0) // QUANTITY_SCALE
        if quantity.each == "line":
            measure, times = measure * times, np.ones(len(units), np.int64)
        is_known &= measure <= -MISSING // 4 // max(abs(rate), 1)
        unit = minor_unit * RATE_SCALE
        rounded = (2 * rate * np.where(is_known, measure, 0) + unit) // (2 * unit) * unit
        return np.where(is_known, rounded * times, MISSING)


@dataclass
class Charges:
    """Some of the account's charges; a column is taken from the whole when it is first read."""

    columns: dict[str, Integers]
    labels: dict[str, list[str]]
    rows: Integers
    minor_unit: int  # the currency's smallest amount, in ten-thousandths
    order_lines: OrderLines  # of each order, by the column `order`
    _taken: dict[str | Quantity, Integers] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> Integers:
        if name not in self._taken:
            if name in self.columns:
                self._taken[name] = self.columns[name][self.rows]
            elif " + " in name:  # the total cost of several types
                parts = [self.column(CHARGES_OF + part) for part in name.removeprefix(CHARGES_OF).split(" + ")]
                self._taken[name] = np.where(np.min(parts, axis=0) == MISSING, MISSING, np.sum(parts, axis=0))
            elif OF_ITEMS.fullmatch(name):
                self._taken[name] = self.lines.sums(self.lines.count(name))
            else:
                self._taken[name] = np.full(len(self), MISSING)
        return self._taken[name]

    def quantity(self, quantity: Quantity) -> Integers:
        if quantity not in self._taken:
            self._taken[quantity] = quantity.of(self)
        return self._taken[quantity]

    @property
    def half_units(self) -> Integers:
        """Return half the units of each charge's order, as a number, and at least one."""
        return np.maximum(-(-self.column("units") // (2 * QUANTITY_SCALE)), 1)

    @cached_property
    def lines(self) -> OrderLines:
        """Return the lines of each charge's order."""
        return self.order_lines.of(self.column("order"))

    def take(self, chosen: Integers | Booleans) -> "Charges":
        return self.with_columns(self.columns, self.rows[chosen])

    def with_columns(self, columns: dict[str, Integers], rows: Integers | None = None) -> "Charges":
        return Charges(columns, self.labels, self.rows if rows is None else rows, self.minor_unit, self.order_lines)

    def sample(self, size: int) -> "Charges":
        """Return at most `size` charges, the same ones in every run."""
        if len(self) <= size:
            return self
        return self.take(np.sort(np.random.default_rng(len(self)).choice(len(self), size, replace=False)))

    @property
    def amounts(self) -> Integers:
        return self.column("amount")

    def of_type(self, charge_type: str) -> Booleans:
        """Return which charges have a type; none if the account has no such type."""
        types = self.labels["charge_type"]
        return np.asarray(self.column("charge_type") == (types.index(charge_type) if charge_type in types else MISSING))

    @property
    def is_usable(self) -> Booleans:
        """Return which charges may be learned from: billed amounts that are not set aside."""
        texts = np.array([not text for text in self.labels["set_aside"]], bool)
        return np.asarray(texts[self.column("set_aside")] & (self.amounts > 0))


def read_facts(table: pa.Table, minor_unit: int = 100, lines: pa.Table | None = None) -> Charges:
    """Return all charges of a table with the columns of `SCHEMA`, and the lines of their orders (`LINES`)."""
    # Sort the same way on every engine, because prices are chosen on samples. Column by column, because the table is
    # large.
    keys = [(name, "ascending") for name in ("charge_id", "order_id", "charge_type") if name in table.column_names]
    order = pc.sort_indices(table, keys)

    def read(name: str) -> pa.ChunkedArray:
        return _column(table, name).take(order)

    columns: dict[str, Integers] = {}
    labels: dict[str, list[str]] = {}
    unknown = np.full(table.num_rows, MISSING)  # shared by all columns without values
    for name in ("amount", *DECIMALS):
        column = read(name)
        columns[name] = unknown if column.null_count == len(column) else ten_thousandths(column)
    for name in DAYS:
        days = pc.cast(pc.cast(read(name), pa.int32()), pa.int64())
        columns[name] = pc.fill_null(days, MISSING).to_numpy()
    for name in ("charge_id", "order_id"):
        columns[name] = pc.fill_null(read(name), MISSING).to_numpy()
    services = pc.replace_substring_regex(pc.utf8_lower(pc.fill_null(read("description"), "")), r"[^\s]*\d[^\s]*", "#")
    types = pc.utf8_lower(read("charge_type"))
    # The working type of a charge without a type is its description with masked digits, if enough others share it.
    texts = {
        "charge_type": pc.coalesce(types, _common(services, pc.is_null(types))),
        "set_aside": read("set_aside"),
        "service": services,
    }
    for name in CATEGORIES[:-2]:
        texts[name] = read(name)
    for name, column in texts.items():
        encoded = pc.dictionary_encode(pc.fill_null(column, "")).combine_chunks()
        columns[name] = encoded.indices.to_numpy().astype(np.int64)
        labels[name] = encoded.dictionary.to_pylist()
    days = np.where(columns["ordered_date"] == MISSING, columns["charge_date"], columns["ordered_date"])
    columns["weekend"] = np.asarray((days + 3) % 7 >= 5, np.int64)  # 1970-01-01 was a Thursday
    labels["weekend"] = ["weekday", "weekend"]
    known = [columns[name] for name in ("charge_date", "billed_date")]
    columns["month"] = (
        np.where(known[0] == MISSING, known[1], known[0]).astype("M8[D]").astype("M8[M]").astype(np.int64)
    )
    order_ids, first, columns["order"] = np.unique(columns["order_id"], return_index=True, return_inverse=True)
    columns["first_of_order"] = first
    known_lines = _read_lines(LINES.empty_table() if lines is None else lines, order_ids)
    return Charges(columns, labels, np.arange(table.num_rows), minor_unit, known_lines)


def _common(services: pa.ChunkedArray, untyped: pa.ChunkedArray) -> pa.ChunkedArray:
    """Replace descriptions that few untyped charges have by `unknown`."""
    counts = pc.value_counts(services.filter(untyped))
    is_common = pc.greater_equal(counts.field("counts"), LIMITS.trusted_charges)
    return pc.if_else(pc.is_in(services, counts.field("values").filter(is_common)), services, UNTYPED)


def _read_lines(table: pa.Table, order_ids: Integers) -> OrderLines:
    """Return the lines of the orders with these ids, which are in ascending order."""
    columns = {name: ten_thousandths(_column(table, name, LINES)) for name in ("quantity", *ITEM_MEASURES)}
    for name in ("order_id", "item_id"):
        columns[name] = pc.fill_null(_column(table, name, LINES), MISSING).to_numpy()
    for name in ITEM_FLAGS:
        is_so = pc.cast(pc.equal(_column(table, name, LINES), "yes"), pa.int64())
        columns[name] = pc.fill_null(is_so, MISSING).to_numpy()
    wanted = columns.pop("order_id")
    order = np.argsort(wanted, kind="stable")
    starts = np.searchsorted(wanted[order], order_ids)
    ends = np.searchsorted(wanted[order], order_ids, "right")
    # Skip the lines of orders without a charge.
    spans = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.where(order_ids == MISSING, 0, ends - starts))])
    kept = order[np.repeat(starts - spans[:-1], np.diff(spans)) + np.arange(spans[-1])]
    return OrderLines(spans, {name: column[kept] for name, column in columns.items()})


def _column(table: pa.Table, name: str, schema: pa.Schema = SCHEMA) -> pa.ChunkedArray:
    kind = schema.field(name).type
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, kind)])
    column = table.column(name)
    return column if pa.types.is_decimal(kind) else column.cast(kind)


def ten_thousandths(column: pa.ChunkedArray) -> Integers:
    """Return decimals as integers of ten-thousandths; null, negative quantities and absurd numbers are `MISSING`."""
    digits = 4
    decimals = pa.decimal128(38, digits)
    if pa.types.is_decimal(column.type) and column.type.scale > digits:
        column = pc.round(column, digits, round_mode="half_towards_infinity")
    column = column.cast(decimals).combine_chunks()
    array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    words = np.frombuffer(array.buffers()[1], np.int64)[2 * array.offset :][: 2 * len(array)]
    low, high = words[::2], words[1::2]
    is_known = ~array.is_null().to_numpy(zero_copy_only=False) & (high == low >> 63) & (np.abs(low) < LARGEST)
    return np.where(is_known, low, MISSING)


def join(words: Iterable[str], last: str = "and") -> str:
    """Return "a, b and c"."""
    *head, tail = words
    return f"{', '.join(head)} {last} {tail}" if head else tail
