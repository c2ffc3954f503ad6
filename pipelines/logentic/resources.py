"""The only description of each resource: planning, extraction, loading and the command line derive from it.

How to add a resource or a window kind: docs/architecture.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

import pyarrow as pa

from logentic.errors import UsageError

if TYPE_CHECKING:
    from logentic.settings import Settings

INTEGER = pa.int64()
TEXT = pa.string()
TRUTH = pa.bool_()
MOMENT = pa.timestamp("us", tz="UTC")
DAY = pa.date32()
# 24 decimals hold every number above 1e-7 that PHP prints (17 significant digits) without loss.
MEASURE = pa.decimal128(38, 24)
QUANTITY = pa.decimal128(18, 4)

SEEN_AT = pa.field("_seen_at", MOMENT)
IS_REMOVED = pa.field("_is_removed", TRUTH)

ONE_DAY, ONE_SECOND = timedelta(days=1), timedelta(seconds=1)


@dataclass(frozen=True)
class WindowKind:
    """How a list is asked for in windows, and which of its rows belong to one.

    `name` is the `filter` of the receipts. `columns`: a row belongs to a window by the first of them, and a stored
    record has to be in a window only if all of them lie in it.
    """

    name: str
    columns: tuple[str, ...] = ()
    start: str = ""  # query parameters
    end: str = ""
    unit: timedelta = ONE_DAY
    overlap: timedelta = timedelta(0)  # read twice on purpose: what the filter means at its ends is not documented
    is_required: bool = False  # the service refuses a query without both parameters
    is_monthly: bool = False  # a row may span a month: windows are split, and compared by `verify`, at months
    # Rows of a window that has passed can only leave it; of a window up to now, only enter it.
    is_one_way: bool = False
    # A field whose value narrows the list to few rows: `check` adds it as a filter.
    narrowed_by: str | None = None

    @property
    def column(self) -> str | None:
        return self.columns[0] if self.columns else None

    @property
    def is_exact(self) -> bool:
        """Whether the bounds are seconds, not days."""
        return self.unit == ONE_SECOND


SNAPSHOT = WindowKind("snapshot")  # the whole list, once a day
# A day of an unknown zone, perhaps without the day itself: two days hold either.
UPDATED_DAY = WindowKind(
    "updated_day", ("updated_at",), "updated_at_start", "updated_at_end", overlap=2 * ONE_DAY, is_one_way=True
)
UPDATED_AT = replace(UPDATED_DAY, name="updated_at", unit=ONE_SECOND, overlap=ONE_SECOND)
DATE = WindowKind("date", ("date",), "start", "end", overlap=ONE_DAY, is_required=True)
# A charge may lie within, overlap or end in the span that is asked for: a month holds the longest.
PAYMENT_DATE = WindowKind("payment_date", ("start", "end"), "start", "end", overlap=32 * ONE_DAY, is_monthly=True)
BILLED_DATE = WindowKind(
    "billed_date",
    ("billed_date",),
    "billed_date_start",
    "billed_date_end",
    overlap=ONE_DAY,
    narrowed_by="payment_id",
)


class Absence(Enum):
    """What it means that a complete window lacks a stored record."""

    LOOKED_UP = "the record is asked for by its id at once: it is gone if the service does not know it, or has moved"
    LOOKED_UP_LAST = "the same at the end of the run, if no other window gave it; and a known id must still be found"
    READ_AGAIN = "the record is gone if a second reading lacks it as well"
    NORMAL = "each version has a key of its own, and an older one may leave the list"


@dataclass(frozen=True, eq=False)
class Lines:
    """Rows within rows, which get a table of their own: (parent id, line number) is their key."""

    table: str
    field: str
    parent: str
    columns: dict[str, pa.DataType]
    item_column: str | None = None  # where an item's id stands

    def schema(self) -> pa.Schema:
        named = {self.parent: INTEGER, "line_number": INTEGER, **self.columns}
        return pa.schema([*(pa.field(name, kind) for name, kind in named.items()), SEEN_AT])


@dataclass(frozen=True, eq=False)
class Resource:
    """A list of the API, and everything that the program needs to know of it.

    `key` tells two records apart; `personal` fields are pseudonymized before they touch a disk. `is_about_people`:
    fields that the reference does not name are pseudonymized unless the allow-list has them (privacy/measures.py).

    Raises `UsageError` where the description contradicts itself.
    """

    name: str
    path: str
    key: tuple[str, ...]
    columns: dict[str, pa.DataType]
    window: WindowKind
    personal: frozenset[str] = frozenset()
    lines: Lines | None = None
    # What a list is counted by: a stock record updated in place while it is read must count once.
    counted_by: tuple[str, ...] = ("id",)
    is_about_people: bool = False
    look_back: Callable[["Settings"], timedelta] = lambda settings: timedelta(0)  # what each run reads again
    # Asked for as well: what was settled since the last run, and once a week what can still be disputed.
    settled: WindowKind | None = None
    absence: Absence = Absence.LOOKED_UP
    filters: frozenset[str] = frozenset()  # that `get` has beside the parameters of the windows
    item_path: str | None = None  # the list of one item's records, where a record has no address of its own
    item_column: str | None = None  # where an item's id stands
    alias: str | None = None  # another name that `get` takes
    optional: frozenset[str] = frozenset()  # columns that some accounts lack
    first_day_columns: tuple[str, ...] = ()  # `status` counts days from the first of them; else the window's column
    page_size: int | None = None  # that `get` asks for; else the service's own
    is_catalogue: bool = False  # the list of items: read again when another resource names one that is not stored
    is_named_elsewhere: bool = False  # events and charges name records: those that no window showed are looked up

    def __post_init__(self) -> None:
        self._check()

    @property
    def window_kinds(self) -> tuple[WindowKind, ...]:
        return (self.window, self.settled) if self.settled else (self.window,)

    @property
    def day_in_key(self) -> str | None:
        """The column by which each day has a record of its own."""
        return next((name for name in self.key if self.columns[name] == DAY), None)

    def window_kind(self, name: str) -> WindowKind:
        return next(kind for kind in self.window_kinds if kind.name == name)

    def has_moments(self, kind: WindowKind) -> bool:
        """Whether its windows end at the present moment; windows of days end with the present day."""
        return kind.column is not None and self.columns[kind.column] == MOMENT

    @property
    def has_local_days(self) -> bool:
        """Whether its windows are of the days of moments, which begin at another hour in each time zone."""
        return self.has_moments(self.window) and not self.window.is_exact

    @property
    def has_records_ahead(self) -> bool:
        """Whether a record dated after today is read again by its item: corrected, it is in no window up to now."""
        return self.absence is Absence.NORMAL and self.item_path is not None and self.has_moments(self.window)

    def schema(self) -> pa.Schema:
        return pa.schema([*(pa.field(name, kind) for name, kind in self.columns.items()), SEEN_AT, IS_REMOVED])

    def _check(self) -> None:
        for kind in self.window_kinds:
            types = {self.columns.get(name) for name in kind.columns}
            if kind.unit not in (ONE_DAY, ONE_SECOND):
                problem, guidance = f"has a unit of {kind.unit}", "Windows are of days or seconds: use one of these"
            elif bool(kind.columns) != bool(kind.start and kind.end):
                problem, guidance = "has columns or query parameters, and not both", "Name both, or none for a snapshot"
            elif not types <= {MOMENT, DAY} or len(types) > 1 or (kind.is_exact and types != {MOMENT}):
                needed = "moments" if kind.is_exact else "moments or days"
                problem = f"looks at {', '.join(kind.columns)}, which are not columns of {needed}"
                guidance = "Name such columns of the resource"
            else:
                continue
            raise UsageError(
                f"resources.py, {self.name}: window kind {kind.name!r} {problem}",
                f'{guidance} (docs/architecture.md, "Add a window kind").',
            )
        named = {*self.key, *self.counted_by, *self.personal, *self.first_day_columns, *self.optional}
        if unknown := sorted(named - self.columns.keys()):
            raise UsageError(
                f"resources.py, {self.name}: {unknown[0]} is not among its columns", "Add it to `columns`."
            )
        if self.item_path and self.absence in (Absence.LOOKED_UP, Absence.LOOKED_UP_LAST):
            raise UsageError(
                f"resources.py, {self.name}: a missing record cannot be looked up, as it has no address of its own",
                "State another `absence`, or no `item_path`.",
            )


ORDERS = Resource(
    name="orders",
    path="/orders",
    key=("id",),
    columns={
        "id": INTEGER,
        "order_type": TEXT,
        "status": TEXT,
        "warehouse_id": INTEGER,
        "external_name": TEXT,
        "shopify_order_id": TEXT,
        "created_at": MOMENT,
        "updated_at": MOMENT,
        "recipient__name": TEXT,
        "recipient__email": TEXT,
        "recipient__phone": TEXT,
        "place__address1": TEXT,
        "place__address2": TEXT,
        "place__postal_code": TEXT,
        "place__city": TEXT,
        "place__province_code": TEXT,
        "place__country_code": TEXT,
    },
    personal=frozenset(
        {
            "recipient__name",
            "recipient__email",
            "recipient__phone",
            "place__address1",
            "place__address2",
            "place__postal_code",
        }
    ),
    lines=Lines(
        table="orders__stored_items",
        field="stored_items",
        parent="order_id",
        columns={"item_id": INTEGER, "shopify_variant_id": TEXT, "quantity": QUANTITY},
        item_column="item_id",
    ),
    is_about_people=True,
    window=replace(UPDATED_DAY, narrowed_by="external_name"),
    look_back=lambda settings: settings.order_overlap_days * ONE_DAY,
    absence=Absence.LOOKED_UP_LAST,
    filters=frozenset({"external_name", "shopify_order_id"}),
    first_day_columns=("created_at", "updated_at"),
    is_named_elsewhere=True,
)

ITEMS = Resource(
    name="items",
    path="/items",
    key=("id",),
    columns={
        "id": INTEGER,
        "name": TEXT,
        "external_name": TEXT,
        "shopify_variant_id": TEXT,
        "description": TEXT,
        "width_in": MEASURE,
        "depth_in": MEASURE,
        "height_in": MEASURE,
        "weight": MEASURE,
        "price": MEASURE,
        "notify_email": TEXT,
        "expiration_warning_in_days": INTEGER,
        "ht_code": TEXT,
        "country_of_origin": TEXT,
        "back_order_limit": INTEGER,
        "is_prepackaged": TRUTH,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    },
    personal=frozenset({"notify_email"}),
    window=SNAPSHOT,
    filters=frozenset({"external_name", "shopify_variant_id"}),
    item_column="id",
    is_catalogue=True,
)

ITEM_QUANTITIES = Resource(
    name="item_quantities",
    path="/items/item_quantities",
    key=("id", "updated_at"),
    columns={
        "id": INTEGER,
        "item_id": INTEGER,
        "sku": TEXT,
        "supply": INTEGER,
        "receiving": INTEGER,
        "prepared": INTEGER,
        "back_ordered": INTEGER,
        "delivered": INTEGER,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    },
    window=UPDATED_AT,
    look_back=lambda settings: timedelta(minutes=settings.quantity_overlap_minutes),
    absence=Absence.NORMAL,
    filters=frozenset({"shopify_variant_id"}),
    item_path="/items/{}/item_quantities",
    item_column="item_id",
)

INVENTORY_HISTORY = Resource(
    name="inventory_history",
    path="/items/inventory",
    key=("id", "date", "warehouse_id"),
    counted_by=("id", "date", "warehouse_id"),
    columns={
        "id": INTEGER,
        "name": TEXT,
        "external_name": TEXT,
        "warehouse_id": INTEGER,
        "cubic_size": MEASURE,
        "weight": MEASURE,
        "date": DAY,
        "total_volume": MEASURE,
        "total_storage_price": MEASURE,
        "prepared": INTEGER,
        "receiving": INTEGER,
        "supply": INTEGER,
    },
    window=DATE,
    look_back=lambda settings: (settings.history_lookback_days + 1) * ONE_DAY,
    absence=Absence.READ_AGAIN,
    filters=frozenset({"exclude_storage_price"}),
    item_path="/items/inventory/{}",
    item_column="id",
    alias="inventory",
    optional=frozenset({"warehouse_id"}),
    page_size=250,
)

PAYMENT_ITEMS = Resource(
    name="payment_items",
    path="/payment_items",
    key=("id",),
    columns={
        "id": INTEGER,
        "payment_id": INTEGER,
        "type": TEXT,
        "description": TEXT,
        "amount": MEASURE,
        "quantity": MEASURE,
        "start": DAY,
        "end": DAY,
        "billed_date": DAY,
        "order_id": INTEGER,
        "item_id": INTEGER,
        "total_volume": MEASURE,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    },
    window=PAYMENT_DATE,
    settled=BILLED_DATE,
    filters=frozenset({"group_by_invoice", "payment_id", "exclude_storage_info"}),
    item_column="item_id",
)

RESOURCES = {resource.name: resource for resource in (ITEMS, ORDERS, ITEM_QUANTITIES, INVENTORY_HISTORY, PAYMENT_ITEMS)}

# Where an item's id stands in the raw tables.
ITEM_COLUMNS = {each.name: each.item_column for each in RESOURCES.values() if each.item_column} | {
    each.lines.table: each.lines.item_column for each in RESOURCES.values() if each.lines and each.lines.item_column
}

RECEIPTS = pa.schema(
    [
        ("window_id", TEXT),
        ("run_id", TEXT),
        ("resource", TEXT),
        ("filter", TEXT),
        ("window_start", MOMENT),
        ("window_end", MOMENT),
        ("total_announced", INTEGER),
        ("rows_read", INTEGER),
        ("distinct_keys", INTEGER),
        ("rows_new", INTEGER),
        ("rows_changed", INTEGER),
        ("rows_removed", INTEGER),
        ("requests", INTEGER),
        ("bytes", INTEGER),
        ("started_at", MOMENT),
        ("finished_at", MOMENT),
        ("is_complete", TRUTH),
        ("is_confirmed", TRUTH),
        ("is_accepted", TRUTH),  # not complete, and no longer read again: its total never agreed with its rows
        ("reason", TEXT),
    ]
)

# Values that could not be read: a log of versions by (resource, key, field), ended by a row with `_is_removed` once the
# service gives a readable value. `text` is the value as received: shortened, and pseudonymized where it is personal.
REJECTED_VALUES = pa.schema(
    [
        ("resource", TEXT),
        ("key", TEXT),
        ("field", TEXT),
        ("text", TEXT),
        ("reason", TEXT),
        SEEN_AT,
        IS_REMOVED,
    ]
)

# Events that a receiver took, and what became of them: a log of versions, as every raw table.
ORDER_EVENTS = pa.schema(
    [
        ("event_id", TEXT),
        ("order_id", INTEGER),
        ("topic", TEXT),
        ("occurred_at", MOMENT),
        ("received_at", MOMENT),
        ("api_version", TEXT),
        ("is_known_version", TRUTH),
        ("topic_mismatch", TRUTH),
        ("body", TEXT),
        ("outcome", TEXT),
        ("attempts", INTEGER),
        ("reason", TEXT),
        SEEN_AT,
    ]
)

# Columns that tell a raw row from every other row of its load.
RAW_KEYS = {
    **{resource.name: (*resource.key, "_seen_at", "_is_removed") for resource in RESOURCES.values()},
    **{r.lines.table: (r.lines.parent, "line_number", "_seen_at") for r in RESOURCES.values() if r.lines},
    "order_events": ("event_id", "_seen_at", "outcome"),
    "rejected_values": ("resource", "key", "field", "_seen_at", "_is_removed"),
    "extract_windows": ("window_id",),
}
