"""Load the account with as little as possible: bytes to Arrow by explicit schemas, Arrow to DuckDB.

FILE has the five lists and the lines of orders, numbers as exact decimals, times in UTC. There are no retries,
receipts, pseudonyms or comparisons, and no dlt.
"""

import os
from collections import defaultdict

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from fetching import pages
from pyarrow import json as arrow_json

BATCH_BYTES = 4 * 2**20
INTEGER, TEXT, MEASURE = pa.int64(), pa.string(), pa.decimal128(38, 24)
LINE = pa.struct([("item_id", INTEGER), ("shopify_variant_id", TEXT), ("quantity", pa.decimal128(18, 4))])
PERSON = pa.struct([(name, TEXT) for name in ("name", "email", "phone")])
PLACE = pa.struct(
    [(name, TEXT) for name in ("address1", "address2", "postal_code", "city", "province_code", "country_code")]
)
MOMENTS, DAYS = {"created_at", "updated_at"}, {"date", "start", "end", "billed_date"}
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "orders": {
        **{"id": INTEGER, "order_type": TEXT, "status": TEXT, "warehouse_id": INTEGER, "external_name": TEXT},
        **{"shopify_order_id": TEXT, "created_at": TEXT, "updated_at": TEXT, "recipient": PERSON, "place": PLACE},
        "stored_items": pa.list_(LINE),
    },
    "items": {
        **{"id": INTEGER, "name": TEXT, "external_name": TEXT, "shopify_variant_id": TEXT, "description": TEXT},
        **dict.fromkeys(("width_in", "depth_in", "height_in", "weight", "price"), MEASURE),
        **{"notify_email": TEXT, "expiration_warning_in_days": INTEGER, "ht_code": TEXT, "country_of_origin": TEXT},
        **{"back_order_limit": INTEGER, "is_prepackaged": pa.bool_(), "created_at": TEXT, "updated_at": TEXT},
    },
    "item_quantities": {
        **{"id": INTEGER, "item_id": INTEGER, "sku": TEXT},
        **dict.fromkeys(("supply", "receiving", "prepared", "back_ordered", "delivered"), INTEGER),
        **{"created_at": TEXT, "updated_at": TEXT},
    },
    "inventory_history": {
        **{"id": INTEGER, "name": TEXT, "external_name": TEXT, "cubic_size": MEASURE, "weight": MEASURE, "date": TEXT},
        **{"total_volume": MEASURE, "total_storage_price": MEASURE},
        **dict.fromkeys(("prepared", "receiving", "supply"), INTEGER),
    },
    "payment_items": {
        **{"id": INTEGER, "payment_id": INTEGER, "type": TEXT, "description": TEXT, "amount": MEASURE},
        **{"quantity": MEASURE, "start": TEXT, "end": TEXT, "billed_date": TEXT, "order_id": INTEGER},
        **{"item_id": INTEGER, "total_volume": MEASURE, "created_at": TEXT, "updated_at": TEXT},
    },
}
OPTIONS = {
    name: arrow_json.ParseOptions(
        explicit_schema=pa.schema([("data", pa.list_(pa.struct(list(columns.items()))))]),
        unexpected_field_behavior="ignore",
    )
    for name, columns in COLUMNS.items()
}


def main() -> None:
    connection = duckdb.connect(os.environ["FILE"], config={"memory_limit": "200MB", "threads": 2})
    connection.execute("set preserve_insertion_order = false")
    kept: dict[str, list[bytes]] = defaultdict(list)
    sizes: dict[str, int] = defaultdict(int)
    for name, body in pages():
        kept[name].append(body)
        sizes[name] += len(body)
        if sizes[name] >= BATCH_BYTES:
            load(connection, name, kept.pop(name))
            sizes[name] = 0
    for name, bodies in kept.items():
        load(connection, name, bodies)
    connection.close()


def load(connection: duckdb.DuckDBPyConnection, name: str, bodies: list[bytes]) -> None:
    document = b"\n".join(bodies)
    parsed = arrow_json.read_json(
        pa.BufferReader(document),
        read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(document) + 1),
        parse_options=OPTIONS[name],
    )
    rows = parsed["data"].combine_chunks().flatten()
    table = flat(rows)
    if name == "orders":
        insert(connection, "orders__stored_items", lines_of(rows))
    insert(connection, name, table)


def flat(rows: pa.StructArray) -> pa.Table:
    columns = {}
    for field, array in zip(rows.type, rows.flatten(), strict=True):
        if pa.types.is_struct(field.type):
            columns |= {
                f"{field.name}__{leaf.name}": part for leaf, part in zip(field.type, array.flatten(), strict=True)
            }
        elif field.name in MOMENTS:
            columns[field.name] = array.cast(pa.timestamp("us", "UTC"))
        elif field.name in DAYS:
            columns[field.name] = array.cast(pa.date32())
        elif not pa.types.is_list(field.type):
            columns[field.name] = array
    return pa.table(columns)


def lines_of(rows: pa.StructArray) -> pa.Table:
    lists = rows.field("stored_items")
    parents = rows.field("id").take(pc.list_parent_indices(lists))
    lines = lists.flatten()
    return pa.table({"order_id": parents, **dict(zip(LINE.names, lines.flatten(), strict=True))})


def insert(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("batch", table)
    try:
        connection.execute(f"insert into {name} select * from batch")
    except duckdb.CatalogException:
        connection.execute(f"create table {name} as select * from batch")
    connection.unregister("batch")


if __name__ == "__main__":
    main()
