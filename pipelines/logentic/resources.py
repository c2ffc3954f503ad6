"""Describe each resource, in one place: planning, extraction, loading and the command line derive from it.

How to add a resource or a window kind: docs/architecture.md.
"""

import dataclasses
from collections.abc import Callable, Mapping
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
# 24 decimals store every number above 1e-7 that PHP prints (17 significant digits) without loss.
MEASURE = pa.decimal128(38, 24)
QUANTITY = pa.decimal128(18, 4)

SEEN_AT = pa.field("_seen_at", MOMENT)
IS_REMOVED = pa.field("_is_removed", TRUTH)

ONE_DAY, ONE_SECOND = timedelta(days=1), timedelta(seconds=1)


@dataclass(frozen=True)
class WindowKind:
    """How a list is queried in windows, and which of its rows belong to one.

    `name` is the `filter` of the receipts. `columns`: a row belongs to a window by the first of them, and a stored
    record has to be in a window only if all of them lie in it.
    """

    name: str
    columns: tuple[str, ...] = ()
    start: str = ""  # query parameters
    end: str = ""
    unit: timedelta = ONE_DAY
    overlap: timedelta = timedelta(0)  # read twice on purpose: whether the filter includes its bounds is not documented
    is_required: bool = False  # the service rejects a query without both parameters
    is_monthly: bool = False  # a row may span a month: `verify` splits and compares windows at month boundaries
    # Rows can only leave a past window, and only enter a window up to now.
    is_one_way: bool = False
    # A value of this field that limits the list to few rows: `check` adds it as a filter.
    narrowed_by: str | None = None

    @property
    def column(self) -> str | None:
        return self.columns[0] if self.columns else None

    @property
    def is_exact(self) -> bool:
        """Whether the bounds are seconds, not days."""
        return self.unit == ONE_SECOND


SNAPSHOT = WindowKind("snapshot")  # the whole list, once a day
# The zone of the filter's days is unknown, and its last day may be excluded: an overlap of two days covers both.
UPDATED_DAY = WindowKind(
    "updated_day", ("updated_at",), "updated_at_start", "updated_at_end", overlap=2 * ONE_DAY, is_one_way=True
)
UPDATED_AT = replace(UPDATED_DAY, name="updated_at", unit=ONE_SECOND, overlap=ONE_SECOND)
DATE = WindowKind("date", ("date",), "start", "end", overlap=ONE_DAY, is_required=True)
# The filter may match charges that lie within the span, overlap it or end in it: overlap by a month, the longest
# charge.
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
    """The meaning of a stored record that a complete window lacks."""

    LOOKED_UP = "the record is asked for by its id at once: it is gone if the service does not know it, or has moved"
    LOOKED_UP_LAST = "the same at the end of the run, if no other window gave it; and a known id must still be found"
    READ_AGAIN = "the record is gone if a second reading lacks it as well"
    NORMAL = "each version has a key of its own, and an older one may leave the list"


@dataclass(frozen=True, eq=False)
class Lines:
    """Rows within rows, stored in their own table: (parent id, line number) is their key."""

    table: str
    field: str
    parent: str
    columns: dict[str, pa.DataType]
    item_column: str | None = None  # the column with the item's id
    description: str = ""
    meanings: Mapping[str, str] = dataclasses.field(default_factory=dict)  # descriptions of its columns

    def schema(self) -> pa.Schema:
        named = {self.parent: INTEGER, "line_number": INTEGER, **self.columns}
        return pa.schema([*(pa.field(name, kind) for name, kind in named.items()), SEEN_AT])


@dataclass(frozen=True, eq=False)
class Resource:
    """A list of the API, with everything that the program needs to know about it.

    `key` identifies a record; `personal` fields are pseudonymized before they are written to disk. `is_about_people`:
    fields that the reference does not name are pseudonymized unless they are on the allow-list (privacy/measures.py).

    Raises `UsageError` if the description contradicts itself.
    """

    name: str
    path: str
    key: tuple[str, ...]
    columns: dict[str, pa.DataType]
    window: WindowKind
    description: str = ""
    meanings: Mapping[str, str] = dataclasses.field(default_factory=dict)  # descriptions of its columns
    personal: frozenset[str] = frozenset()
    lines: Lines | None = None
    # The key for counting a list: a stock record that is updated in place while it is read must count once.
    counted_by: tuple[str, ...] = ("id",)
    is_about_people: bool = False
    look_back: Callable[["Settings"], timedelta] = lambda settings: timedelta(0)  # what each run reads again
    # Also read: records settled since the last run and, once a week, those that can still be disputed.
    settled: WindowKind | None = None
    absence: Absence = Absence.LOOKED_UP
    filters: frozenset[str] = frozenset()  # additional filters of `get`
    item_path: str | None = None  # the list of one item's records, if a record has no URL of its own
    item_column: str | None = None  # the column with the item's id
    alias: str | None = None  # alternative name for `get`
    optional: frozenset[str] = frozenset()  # columns that some accounts lack
    first_day_columns: tuple[str, ...] = ()  # `status` counts days from the first of them; else the window's column
    page_size: int | None = None  # page size for `get`; else the service's default
    is_catalogue: bool = False  # the list of items: read again when another resource names one that is not stored
    is_named_elsewhere: bool = False  # events and charges name records; those not in any window are looked up

    def __post_init__(self) -> None:
        self._check()

    @property
    def window_kinds(self) -> tuple[WindowKind, ...]:
        return (self.window, self.settled) if self.settled else (self.window,)

    @property
    def day_in_key(self) -> str | None:
        """The column of the day, if a record exists for each day."""
        return next((name for name in self.key if self.columns[name] == DAY), None)

    def window_kind(self, name: str) -> WindowKind:
        return next(kind for kind in self.window_kinds if kind.name == name)

    def has_moments(self, kind: WindowKind) -> bool:
        """Whether its windows end at the present moment; windows of days end with the present day."""
        return kind.column is not None and self.columns[kind.column] == MOMENT

    @property
    def has_local_days(self) -> bool:
        """Whether its windows are days of moments, whose bounds depend on the time zone."""
        return self.has_moments(self.window) and not self.window.is_exact

    @property
    def has_records_ahead(self) -> bool:
        """Whether a record dated after today is read again by its item: once corrected, it is in no window up to
        now.
        """
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
    description="Orders, one row per version.",
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
    meanings={
        "id": "The order, as the API numbers it",
        "order_type": "Kind of order, as the API returns it",
        "status": "Status, as the API returns it; PENDING, CANCELLED, IN_TRANSIT and COMPLETED are known",
        "warehouse_id": "The warehouse that ships it",
        "external_name": "The merchant's name of the order, for example #1001",
        "shopify_order_id": "The order in Shopify, where it comes from there",
        "created_at": "When the order was created (UTC)",
        "updated_at": "When the order last changed (UTC); null where the API does not say",
        "recipient__name": "Recipient's name, hashed before it was stored",
        "recipient__email": "Recipient's mail address, hashed before it was stored",
        "recipient__phone": "Recipient's telephone number, hashed before it was stored",
        "place__address1": "First line of the address",
        "place__address2": "Second line of the address",
        "place__postal_code": "Postal code",
        "place__city": "City",
        "place__province_code": "Province or state, as a code",
        "place__country_code": "Country, as a code",
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
        description="Lines of orders, of every version.",
        meanings={
            "item_id": "The item ordered; null where the line names only a Shopify variant",
            "shopify_variant_id": "The Shopify variant ordered, where the line names one",
            "quantity": "Units ordered",
        },
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

SIDES = ("width_in", "depth_in", "height_in")  # of an item


ITEMS = Resource(
    name="items",
    description="Items, one row per version.",
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
    meanings={
        "id": "The item, as the API numbers it",
        "name": "Name of the item",
        "external_name": "The merchant's own number of the item (external_name in the API)",
        "shopify_variant_id": "The item in Shopify",
        "description": "Description",
        "width_in": "Width in inches",
        "depth_in": "Depth in inches",
        "height_in": "Height in inches",
        "weight": "Weight; the API does not state its unit",
        "price": "Price of the item, in the account's currency",
        "notify_email": "Where the warehouse writes about the item, hashed before it was stored",
        "expiration_warning_in_days": "Days before expiry at which the warehouse warns",
        "ht_code": "Customs tariff code",
        "country_of_origin": "Country of origin",
        "back_order_limit": "Units that may be ordered beyond the stock",
        "is_prepackaged": "True if the item ships in its own package",
        "created_at": "When the item was created (UTC)",
        "updated_at": "When the item last changed (UTC)",
    },
    personal=frozenset({"notify_email"}),
    window=SNAPSHOT,
    filters=frozenset({"external_name", "shopify_variant_id"}),
    item_column="id",
    is_catalogue=True,
)

ITEM_QUANTITIES = Resource(
    name="item_quantities",
    description="Records of an item's stock: five counters after a change, one row per version.",
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
    meanings={
        "id": "The record, as the API numbers it. Where the API overwrites records in place, several rows share one",
        "item_id": "The item, as the API numbers it",
        "sku": "The item's number as the record gives it",
        "supply": "Units on the shelf",
        "receiving": "Units announced or arriving, not yet on the shelf",
        "prepared": "Units picked or packed, still in the building",
        "back_ordered": "Units ordered beyond the stock",
        "delivered": "Units that left the building since the item exists",
        "created_at": "When the record was created (UTC)",
        "updated_at": "When the counters took these values (UTC)",
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
    description="Inventory at the end of each day, as the warehouse bills it, one row per version.",
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
    meanings={
        "id": "The item, as the API numbers it",
        "name": "The item's name at that time",
        "external_name": "The item's number at that time",
        "warehouse_id": "The warehouse; null if the API returns one row per item",
        "cubic_size": "Volume of one unit in cubic feet",
        "weight": "Weight; the API does not state its unit",
        "date": "Calendar day in the account's time zone",
        "total_volume": "Volume stored, in cubic feet",
        "total_storage_price": (
            "Price of that day's storage, in the account's currency; null where the account hides prices"
        ),
        "prepared": "Units picked or packed, still in the building; null where they could not be read",
        "receiving": "Units announced or arriving; null where they could not be read",
        "supply": "Units on the shelf; null if the API's value could not be read",
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
    description="Charges, one row per version.",
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
    meanings={
        "id": "The charge, as the API numbers it",
        "payment_id": "The invoice that it is on; null if it has none yet",
        "type": "Kind of charge, as the API returns it: storage, handling, picking, shipping and others",
        "description": "The warehouse's words",
        "amount": "Amount in the account's currency, exactly as the API returns it; negative for a credit",
        "quantity": "Quantity that was charged for, in the unit of the charge type",
        "start": "First day that the charge is for",
        "end": "Last day that the charge is for",
        "billed_date": "Day on which it was billed; null while it is not",
        "order_id": "The order that it is for, if any",
        "item_id": "The item that it is for, if any",
        "total_volume": "Volume that was charged for, in cubic feet (storage)",
        "created_at": "When the charge was created (UTC)",
        "updated_at": "When the charge last changed (UTC), if the API returns it",
    },
    window=PAYMENT_DATE,
    settled=BILLED_DATE,
    filters=frozenset({"group_by_invoice", "payment_id", "exclude_storage_info"}),
    item_column="item_id",
)

RESOURCES = {resource.name: resource for resource in (ITEMS, ORDERS, ITEM_QUANTITIES, INVENTORY_HISTORY, PAYMENT_ITEMS)}

# The columns with an item's id in the raw tables.
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
        ("is_accepted", TRUTH),  # incomplete, and no longer read again: its total never agreed with its rows
        ("reason", TEXT),
    ]
)

# Values that could not be read: a log of versions by (resource, key, field), closed by a row with `_is_removed` once
# the service returns a readable value. `text` is the received value: shortened, and pseudonymized if it is personal.
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

# Received events and their outcomes: a log of versions, like every raw table.
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

# The columns that identify a raw row within its load.
RAW_KEYS = {
    **{resource.name: (*resource.key, "_seen_at", "_is_removed") for resource in RESOURCES.values()},
    **{r.lines.table: (r.lines.parent, "line_number", "_seen_at") for r in RESOURCES.values() if r.lines},
    "order_events": ("event_id", "_seen_at", "outcome"),
    "rejected_values": ("resource", "key", "field", "_seen_at", "_is_removed"),
    "extract_windows": ("window_id",),
}


@dataclass(frozen=True)
class Description:
    """The description of a table, of its columns, and of all columns that have none of their own."""

    text: str
    columns: Mapping[str, str]
    other_columns: str = ""


OF_EVERY_VERSION = {
    "_seen_at": "Service time (UTC) at which this version was read",
    "_is_removed": "True if the API no longer returns the record; its other columns have the last known values",
    "_dlt_load_id": "The load that brought the row, as in _dlt_loads",
}
UNNAMED = "A field that the API reference does not name, as the text of the JSON"
OF_LINES = {"line_number": "Place of the line within its record, from 1"}
OF_RECEIPTS = {
    "window_id": "The window",
    "run_id": "The run that read it",
    "resource": "The resource that was read",
    "filter": "The field that bounds the window: updated_at, date, payment_date, billed_date, snapshot or id",
    "window_start": "First moment of the window (UTC), included",
    "window_end": "Last moment of the window (UTC), excluded",
    "total_announced": "Rows that the API announced",
    "rows_read": "Rows that were read",
    "distinct_keys": "Number of distinct keys",
    "rows_new": "Rows with a key not seen before",
    "rows_changed": "Rows that differ from the version before",
    "rows_removed": "Keys that the API no longer returns",
    "requests": "Number of requests",
    "bytes": "Bytes that were received",
    "started_at": "Service time (UTC) at the first request",
    "finished_at": "Service time (UTC) at the last answer",
    "is_complete": "True if everything in the window was read",
    "is_confirmed": "True if a second reading returned the same rows, where one reading is not enough",
    "is_accepted": (
        "True if the window is not complete and is no longer read again: in three readings the API announced as many "
        "rows too many or too few as now (total_announced − distinct_keys). Nothing in it is marked as removed"
    ),
    "reason": "Why the window is not complete",
}
OF_REJECTED_VALUES = {
    "resource": "The list that the record is part of, as in extract_windows",
    "key": (
        "The record: its id; where an id is not enough, with the other parts of its key, joined by |; where the key "
        "itself could not be read, unreadable: and a digest of the row"
    ),
    "field": (
        "The raw column, empty where the whole row could not be read; stored_items.2.quantity is of the second line"
    ),
    "text": "The value as received, shortened; pseudonymized where it is personal",
    "reason": "Why it could not be read",
}
OF_EVENTS = {
    "event_id": "The event; equal contents received within webhook_duplicate_hours are one event",
    "order_id": "The order that the payload names; null where it names none",
    "topic": "As sent, for example order-picked",
    "occurred_at": "The time that the payload gives (UTC); null where it gives none",
    "received_at": "When it was received, by the clock of the receiving machine (UTC)",
    "api_version": "As sent",
    "is_known_version": "Whether that version is the one that the reference describes",
    "topic_mismatch": (
        "Whether the signed body names another step than the topic, which is not signed; null where it names none"
    ),
    "body": "The payload as JSON text, personal data hashed",
    "outcome": "waiting, read (the order was asked for), no_order, or dead (it could not be read)",
    "attempts": "Runs that asked for the order",
    "reason": "Why the order could not be read",
}


def raw_descriptions() -> dict[str, Description]:
    """Return the description of each raw table that a load fills, by name."""
    found = {
        name: Description(resource.description, {**resource.meanings, **OF_EVERY_VERSION}, UNNAMED)
        for name, resource in RESOURCES.items()
    }
    for resource in RESOURCES.values():
        if lines := resource.lines:
            parent = {lines.parent: f"The record of {resource.name}"}
            columns = {**parent, **OF_LINES, **lines.meanings, **OF_EVERY_VERSION}
            found[lines.table] = Description(lines.description, columns, UNNAMED)
    own = {
        "extract_windows": ("Receipts: one row per window of a resource that a run read.", OF_RECEIPTS),
        "rejected_values": ("Values that could not be read, one row when one is found or changes.", OF_REJECTED_VALUES),
        "order_events": ("Received events, one row for each change of an outcome.", OF_EVENTS),
    }
    return found | {name: Description(text, {**columns, **OF_EVERY_VERSION}) for name, (text, columns) in own.items()}
