"""Write an account as raw tables: what the extractor would have left at NOW, every window confirmed."""

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.practices.account import PracticeAccount
from benchmarks.practices.billing import day_rate
from benchmarks.practices.contract import Storage
from benchmarks.practices.world import FIRST_DAY, NOW, TODAY, days, moment
from benchmarks.raw_database import LOAD, insert_load, insert_rows, make_raw_tables
from logentic.resources import RESOURCES

LINES = "orders__stored_items"
Rows = list[dict[str, Any]]
CITIES = {"QC": "Montreal", "ON": "Toronto", "NB": "Moncton", "NS": "Halifax", "MB": "Winnipeg", "AB": "Calgary"}


def write_raw(account: PracticeAccount, file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        make_raw_tables(connection)
        seen = {"_seen_at": NOW, "_is_removed": False, "_dlt_load_id": LOAD}
        for table, rows in tables(account).items():
            marks = seen if table != LINES else {name: seen[name] for name in ("_seen_at", "_dlt_load_id")}
            insert_rows(connection, table, [row | marks for row in rows])
        insert_load(connection, RESOURCES, NOW)


def tables(account: PracticeAccount) -> dict[str, Rows]:
    """Return the rows of every list of the API, and the lines of orders."""
    world, invoices = account.world, account.invoices()
    orders = [order for order in world.orders if order.created_at <= NOW]
    storage = account.contract.storage
    return {
        "items": [
            {
                "id": item.item_id,
                "name": f"Item {item.item_id}",
                "external_name": f"SKU-{item.item_id}",
                "description": "Hazardous goods" if item.is_hazmat else None,
                "width_in": item.sides[0],
                "depth_in": item.sides[1],
                "height_in": item.sides[2],
                "weight": item.weight,
                "price": item.price,
                "ht_code": "3606.90" if item.is_hazmat else "6109.10",
                "country_of_origin": "CA",
                "is_prepackaged": item.is_prepackaged,
                "created_at": moment(FIRST_DAY, 0),
                "updated_at": moment(FIRST_DAY, 0),
            }
            for item in world.items
        ],
        "orders": [
            {
                "id": order.order_id,
                "order_type": order.order_type,
                "status": order.status(NOW),
                "warehouse_id": order.warehouse_id,
                "external_name": f"#{order.order_id - 30_000}",
                "shopify_order_id": str(9_000_000_000 + order.order_id),
                "created_at": order.created_at,
                "updated_at": _updated_at(order),
                "place__city": CITIES.get(order.province, "Elsewhere"),
                "place__province_code": order.province,
                "place__country_code": order.country,
            }
            for order in orders
        ],
        LINES: [
            {"order_id": order.order_id, "line_number": number, "item_id": item.item_id, "quantity": units}
            for order in orders
            for number, (item, units) in enumerate(order.lines, 1)
        ],
        "item_quantities": [
            {
                "id": 70_000 + number,
                "item_id": record.item.item_id,
                "sku": f"SKU-{record.item.item_id}",
                "supply": record.supply,
                "receiving": record.receiving,
                "prepared": record.prepared,
                "back_ordered": 0,
                "delivered": record.delivered,
                "created_at": record.at,
                "updated_at": record.at,
            }
            for number, record in enumerate(world.records)
            if record.at <= NOW
        ],
        "inventory_history": [
            _history(account, storage, item, day) for day in days(FIRST_DAY, TODAY) for item in world.items
        ],
        "payment_items": [
            {
                "id": charge.charge_id,
                "type": charge.charge_type,
                "description": charge.description,
                "payment_id": invoices[charge.bill.billed] if charge.bill.billed <= TODAY else None,
                "billed_date": charge.bill.billed if charge.bill.billed <= TODAY else None,
                "amount": charge.amount,
                "quantity": charge.quantity,
                "start": charge.start,
                "end": charge.end,
                "order_id": charge.order_id,
                "item_id": charge.item_id,
                "total_volume": charge.volume,
                "created_at": charge.created_at,
                "updated_at": charge.created_at,
            }
            for charge in account.visible()
        ],
    }


def _history(account: PracticeAccount, storage: Storage | None, item: Any, day: Any) -> dict[str, Any]:
    """The state at the day's end; of the day that has not ended, the state now."""
    record = account.world.closing[item.item_id, day]
    if day == TODAY:
        record = next(r for r in reversed(account.world.records) if r.item is item and r.at <= NOW)
    volume = item.cubic_feet * (record.supply + record.prepared)
    price = volume * day_rate(storage, day) if storage and storage.shows_price else None
    return {
        "id": item.item_id,
        "name": f"Item {item.item_id}",
        "external_name": f"SKU-{item.item_id}",
        "cubic_size": item.cubic_feet,
        "weight": item.weight,
        "date": day,
        "total_volume": volume,
        "total_storage_price": price,
        "prepared": record.prepared,
        "receiving": record.receiving,
        "supply": record.supply,
    }


def _updated_at(order: Any) -> datetime:
    """When the order took the last step that is known."""
    steps = (order.created_at, order.shipped_at, order.completed_at)
    return max(step for step in steps if step is not None and step <= NOW)
