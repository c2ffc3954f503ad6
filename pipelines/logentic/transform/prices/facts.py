"""The facts of charges: the columns that the models supply, held as integers.

Amounts and quantities are integers of ten-thousandths, dates are days since 1970-01-01, and rates are integers of
millionths, so that rate × quantity is exact in ten-billionths of a currency unit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from logentic.price_terms import CATEGORIES

QUANTITY_SCALE = 10_000  # amounts and quantities: integers of ten-thousandths
RATE_SCALE = 1_000_000  # rates: integers of millionths
CUBIC_INCHES = 1_728  # in a cubic foot
LARGEST = 10**11  # ten million units or currency units: anything larger counts as missing
MISSING = -(2**62)

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

DAYS = ("charge_date", "shipped_date", "ordered_date", "billed_date")
COUNTS = ("units", "lines", "cartons", "quantity")
MEASURES = ("weight", "volume")
SIZES = ("heaviest_item", "longest_side")
MONTH_VOLUMES = ("month_rank", "month_orders")
CHARGES_OF = "charges of "  # columns of what an order's charges of a type cost; added as types are priced
DECIMALS = (*COUNTS, *MEASURES, *SIZES, *MONTH_VOLUMES, "value")

SCHEMA = pa.schema(
    [
        # Null for a charge that is only expected: it is priced, and nothing is learned from it.
        pa.field("charge_id", pa.int64()),
        pa.field("charge_type", pa.string()),
        pa.field("description", pa.string()),
        pa.field("amount", pa.decimal128(38, 4)),
        pa.field("order_id", pa.int64()),
        # Why nothing may be learned from the charge: duplicate, credited, cancelled order, ... Null: it may.
        pa.field("set_aside", pa.string()),
        *(pa.field(name, pa.date32()) for name in DAYS),
        *(pa.field(name, pa.decimal128(38, 4)) for name in DECIMALS),
        # `service` and `weekend` are derived here.
        *(pa.field(name, pa.string()) for name in CATEGORIES[:-2]),
    ]
)
"""One row a charge. Columns other than the first six may be left out, or be null where they are not known."""


@dataclass(frozen=True, order=True)
class Quantity:
    """A number that a price goes by: a column, counted after the first `after`, rounded up to whole units if `started`.

    With a `divisor` the column is the dimensional weight: cubic inches ÷ divisor, but at least the actual weight.
    `nudge` is added before it is rounded up: what a volume that was rounded may be off by.
    """

    column: str
    after: int = 0
    started: bool = False
    divisor: int = 0
    nudge: int = 0

    def of(self, charges: "Charges") -> Integers:
        values = charges.column(self.column)
        if self.divisor:
            volumes = charges.column("volume")
            dimensional = -(-volumes * CUBIC_INCHES // self.divisor)
            values = np.where((values == MISSING) | (volumes == MISSING), MISSING, np.maximum(values, dimensional))
        if self.started:
            whole = -(-(values + self.nudge) // QUANTITY_SCALE) * QUANTITY_SCALE
            values = np.where(values == MISSING, MISSING, whole)
        if self.after:
            values = np.where(values == MISSING, MISSING, np.maximum(values - self.after, 0))
        return values

    def __str__(self) -> str:
        return f"{'started_' * self.started}{self.column}{f'/{self.divisor}' * (self.divisor > 0)}"

    @classmethod
    def parse(cls, text: str, after: int = 0) -> "Quantity":
        """Return the quantity that `str` writes as `started_weight/139`."""
        column, _, divisor = text.removeprefix("started_").partition("/")
        return cls(column, after, text.startswith("started_"), int(divisor or 0))

    @property
    def has_whole_steps(self) -> bool:
        return self.started or self.column in COUNTS


@dataclass
class Charges:
    """Some of the account's charges; its columns are taken from the whole when they are first read."""

    columns: dict[str, Integers]
    labels: dict[str, list[str]]
    rows: Integers
    _taken: dict[str | Quantity, Integers] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> Integers:
        if name not in self._taken:
            if name in self.columns:
                self._taken[name] = self.columns[name][self.rows]
            elif " + " in name:  # what several types cost together
                parts = [self.column(CHARGES_OF + part) for part in name.removeprefix(CHARGES_OF).split(" + ")]
                self._taken[name] = np.where(np.min(parts, axis=0) == MISSING, MISSING, np.sum(parts, axis=0))
            else:
                self._taken[name] = np.full(len(self), MISSING)
        return self._taken[name]

    def quantity(self, quantity: Quantity) -> Integers:
        if quantity not in self._taken:
            self._taken[quantity] = quantity.of(self)
        return self._taken[quantity]

    def take(self, chosen: Integers | Booleans) -> "Charges":
        return Charges(self.columns, self.labels, self.rows[chosen])

    def sample(self, size: int) -> "Charges":
        """Return at most `size` charges, the same ones in every run."""
        if len(self) <= size:
            return self
        return self.take(np.sort(np.random.default_rng(len(self)).choice(len(self), size, replace=False)))

    @property
    def amounts(self) -> Integers:
        return self.column("amount")

    def of_type(self, charge_type: str) -> Booleans:
        """Tell which charges have a type; none where the account does not know it."""
        types = self.labels["charge_type"]
        return np.asarray(self.column("charge_type") == (types.index(charge_type) if charge_type in types else MISSING))

    @property
    def is_usable(self) -> Booleans:
        """Tell which charges may be learned from: billed amounts that are not set aside."""
        texts = np.array([not text for text in self.labels["set_aside"]], bool)
        return np.asarray(texts[self.column("set_aside")] & (self.amounts > 0))


def read_facts(table: pa.Table) -> Charges:
    """Return all charges of a table with the columns of `SCHEMA`."""
    columns: dict[str, Integers] = {}
    labels: dict[str, list[str]] = {}
    unknown = np.full(table.num_rows, MISSING)  # one array for all columns without a value
    for name in ("amount", *DECIMALS):
        column = _column(table, name)
        columns[name] = unknown if column.null_count == len(column) else _ten_thousandths(column)
    for name in DAYS:
        days = pc.cast(pc.cast(_column(table, name), pa.int32()), pa.int64())
        columns[name] = pc.fill_null(days, MISSING).to_numpy()
    for name in ("charge_id", "order_id"):
        columns[name] = pc.fill_null(_column(table, name), MISSING).to_numpy()
    services = pc.replace_substring_regex(
        pc.utf8_lower(pc.fill_null(_column(table, "description"), "")), r"[^\s]*\d[^\s]*", "#"
    )
    types = pc.utf8_lower(_column(table, "charge_type"))
    # A charge without a type has its description, digits masked, as its working type.
    texts = {"charge_type": pc.coalesce(types, services), "set_aside": _column(table, "set_aside"), "service": services}
    for name in CATEGORIES[:-2]:
        texts[name] = _column(table, name)
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
    return Charges(columns, labels, np.arange(table.num_rows))


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    kind = SCHEMA.field(name).type
    if name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, kind)])
    column = table.column(name)
    return column if pa.types.is_decimal(kind) else column.cast(kind)


def _ten_thousandths(column: pa.ChunkedArray) -> Integers:
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
