"""The columns of each resource, as the reference names them."""

from dataclasses import dataclass, field

import pyarrow as pa

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


@dataclass(frozen=True, eq=False)
class Lines:
    """Rows within rows, which get a table of their own: (parent id, line number) is their key."""

    table: str
    field: str
    parent: str
    columns: dict[str, pa.DataType]

    def schema(self) -> pa.Schema:
        named = {self.parent: INTEGER, "line_number": INTEGER, **self.columns}
        return pa.schema([*(pa.field(name, kind) for name, kind in named.items()), SEEN_AT])


@dataclass(frozen=True, eq=False)
class Resource:
    """`key` tells two records apart; `personal` fields are hashed before they touch a disk.

    `is_about_people`: fields that the reference does not name are hashed unless the allow-list has them (measures.py).
    """

    name: str
    path: str
    key: tuple[str, ...]
    columns: dict[str, pa.DataType]
    personal: frozenset[str] = frozenset()
    lines: Lines | None = None
    # What a list is counted by: a stock record updated in place while it is read must count once.
    counted_by: tuple[str, ...] = field(default=("id",))
    is_about_people: bool = False

    def schema(self) -> pa.Schema:
        return pa.schema([*(pa.field(name, kind) for name, kind in self.columns.items()), SEEN_AT, IS_REMOVED])


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
    ),
    is_about_people=True,
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
)

RESOURCES = {resource.name: resource for resource in (ITEMS, ORDERS, ITEM_QUANTITIES, INVENTORY_HISTORY, PAYMENT_ITEMS)}

RAW_TABLES = (
    *RESOURCES,
    *(each.lines.table for each in RESOURCES.values() if each.lines),
    *("order_events", "rejected_values", "extract_windows"),
)
# Where an item's id stands in the raw tables.
ITEM_COLUMNS = {
    "items": "id",
    "inventory_history": "id",
    "item_quantities": "item_id",
    "orders__stored_items": "item_id",
    "payment_items": "item_id",
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
